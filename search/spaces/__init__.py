"""Which networks a study searches: the spaces that have a name, and a person's own.

- `parameters.py` is the one table of hyperparameters, `ranges.py` says what a range is,
  `named_spaces.py` has the named ones; `space_file.py`, `space_entries.py`, `space_text.py` and
  `toml_text.py` read and write a person's own.
- `space.py` makes Optuna's distributions of it for a table, and networks of a trial's parameters.
- `beginning.py` says which trials come first, `portfolio.py` what was good on other tables.
"""

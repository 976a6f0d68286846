"""A table as a person has it: found, read, typed, and looked over.

- `dataset.py` reads a table with its target: `files.py` and `dialect.py` know files, `gathering.py`
  brings columns into compact form, `cells.py` and `dates.py` say what a cell stands for.
- `inference.py` says what each column is (`schema.py`), `columns.py` reads one as that, `roles.py`
  is what a person says about it, `naming.py` which one is meant, `row_roles.py` what concerns rows.
- `target.py` has the classes, `identity.py` a hash, `inspection.py` and `single_columns.py` what
  could ruin an answer.
"""

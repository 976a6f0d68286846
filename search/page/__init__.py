"""A study's page in optuna-dashboard, and its trials'.

- `front.py` keeps it up to date: `noting.py` has the words, `plots.py` the figures, `picturing.py`
  the pictures, `curves.py` a learning curve as CSV; `markdown.py` escapes what comes from the data.
"""

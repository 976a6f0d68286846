"""Raw columns to arrays, fitted on training rows.

- `preprocessing.py` puts the columns together: `scaling.py` and `quantiles.py` for numbers,
  `encoding.py` for levels, `periods.py` for dates.
- `preparation.py` makes the arrays of all folds (`padding.py` brings them to one size), and
  `arrays.py` keeps them.
"""

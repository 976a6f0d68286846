"""The pictures of an answer: each file draws one, from plain numbers, as a matplotlib figure.

- `canvas.py` has what they share: size, colours, and `to_svg` and `to_png`.
- `roc.py`, `confusion.py`, `calibration.py` and `intervals.py` show what a model is worth,
  `learning.py` and `near_zero.py` what regularisation did to it.
- `history.py`, `importances.py`, `slices.py` and `parallel.py` show the search.

matplotlib is loaded by whoever imports one of them, and by nobody else.
"""

"""What became of a trial, on plain numbers.

- `signs.py` is what a training leaves to judge it by, `case.py` a whole trial in such numbers,
  `diagnosis.py` has the rules, `evidence.py` the words.
- `chance.py` says when a ROC-AUC is noise, `linear.py` what logistic regression reaches,
  `probe.py` how much L1 a table can bear.
"""

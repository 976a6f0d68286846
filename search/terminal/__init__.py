"""What a person reads in a terminal, on standard output, in 80 columns and without colour.

- `studies.py` prints studies, `trials.py` a trial and what became of it, `learning_curve.py` how it
  learned, `inspection.py` a table before it is searched, `findings.py` what the doctor found.
- `characters.py` says which characters the terminal can show.
"""

"""What the test rows said, looked at once.

- `answer.py` makes and keeps it: `contenders.py` scores the rows, `judging.py` has the figures,
  `conclusion.py` the sentences.
"""

"""Which trial a study recommends, and which trials make an ensemble.

- `confirming.py` has the best trained again, in processes of `confirming_worker.py`; `winner.py`
  chooses.
- `ensembling.py` chooses the trials of an ensemble.
"""

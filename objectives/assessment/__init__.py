"""What scores are worth, and how far that can be believed.

- `assessment.py` has every metric with its interval (`counted_metrics.py`, `resampling.py`,
  `intervals.py`), `comparison.py` two models on the same rows (`delong.py`).
- `calibration.py` says whether probabilities come true, `thresholds.py` where to call a row
  positive, `ensemble.py` which trials to average.
"""

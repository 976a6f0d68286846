"""A trial as a plain Keras script: `writing.py` writes what `plan.py` plans.

`reading.py`, `splitting.py`, `features.py` and `network.py` write a part each, `layout.py` lays the
lines out.
"""

"""A trial as a plain Keras script: `writing.py` writes what `plan.py` plans.

`reading.py`, `splitting.py`, `features.py`, `network.py`, `recipe.py` and `training.py` write a
part each, `layout.py` lays the lines out.
"""

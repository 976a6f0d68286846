"""Which rows train, which validate and which wait.

`split.py` decides, `duplicates.py` says which rows belong together, and `dealing.py` deals groups
out whole. `refolding.py` deals all but the test rows out anew.
"""

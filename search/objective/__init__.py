"""What a trial trains: the networks of a space, or those of a person's own file.

- `task.py` says what a trial needs, `objective.py` which of the two a study has.
- `objective_file.py` knows the file, `own_objective.py` runs what is in it.
- `trained.py` makes sure that a network built again is the one that was trained.
"""

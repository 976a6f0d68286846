"""A study's workers as actors of a Ray cluster.

    session.py       a connection to Ray, quiet
    ray_engine.py    the engine that a pool asks for workers
    worker_actor.py  the actor: starts one worker process on its node, and waits for it
    parcel.py        what a node needs of the launching machine: the prepared data, the objective
    checking.py      whether the nodes see the study's database and files

Ray places and restarts actors, and carries the data; what is done and what is left stands in the
database alone.
"""

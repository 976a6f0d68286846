"""The room that trains: from a table to a trained network, and out again as a portable model.

Where to go next:

- `dataset.py` reads a table, `split.py` and `preprocessing.py` make it ready, `preparation.py`
  keeps it so for all workers.
- `hyperparameters.py` says what can be asked for, `network.py` builds it, `engine.py` compiles an
  epoch of it, `training.py` runs the epochs, `metrics.py` judges.
- `export.py` writes the model that takes the raw table, `scoring.py` applies it.
- `errors.py` draws the tree of everything that can be caught.

Nothing is imported here: TensorFlow is loaded only by who trains, exports or predicts.
"""

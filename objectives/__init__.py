"""The room that trains: from a table to a trained network, and out again as a portable model.

Where to go next:

- `table/` reads a table, `splitting/` and `features/` make it ready for the trials of a study.
- `hyperparameters.py` says what can be asked for, `network.py` builds it, `engine.py` compiles an
  epoch of it, `training.py` runs the epochs, `metrics.py` judges, `cross_validation.py` puts the
  folds together.
- `portable/` writes the model that takes the raw table and applies it, `script/` the same as a
  script; `verdict/` says what became of a trial, `assessment/` what scores are worth,
  `baselines.py` what a network has to beat.
- `errors.py` draws the tree of everything that can be caught.

Nothing is imported here: TensorFlow is loaded only by who trains, exports or predicts.
"""

"""A trial as the plain Keras script that a person would have written by hand.

The script reads the file that the search read, splits it with the same numbers, prepares it with
scikit-learn, builds the network of `network.py` from stock Keras layers and trains it with early
stopping on the exact validation ROC-AUC. It needs pandas, numpy, scikit-learn (with the SciPy that
comes with it) and keras, and nothing of this project. It is not the search's own arithmetic:
shuffles and dropout differ and float64 stands for float32, so that its ROC-AUC is the search's
within noise.

Only what the trial needs is written. TensorFlow is not loaded here. `plan.py` says what goes in;
`reading.py`, `splitting.py`, `features.py`, `recipe.py`, `network.py` and `training.py` write a
part each; `layout.py` wraps the lines.
"""

import ast
import re

from objectives.script.features import function_lines, prepare_lines
from objectives.script.layout import call, imports, literal
from objectives.script.network import build_lines
from objectives.script.plan import Plan
from objectives.script.reading import constant_lines, number_source, read_lines
from objectives.script.recipe import loss_lines, model_lines
from objectives.script.splitting import fold_lines, split_lines
from objectives.script.training import schedule_lines, stopping_lines, training_lines

__all__ = ["Plan", "write_script"]

# Where each name comes from that a script may use: "module as alias", or "module:name".
_SOURCES = {
    "keras": "keras",
    "np": "numpy as np",
    "pd": "pandas as pd",
    "tf": "tensorflow as tf",
    "layers": "keras:layers",
    "expit": "scipy.special:expit",
    "ndtri": "scipy.special:ndtri",
    "BaseEstimator": "sklearn.base:BaseEstimator",
    "TransformerMixin": "sklearn.base:TransformerMixin",
    "make_column_transformer": "sklearn.compose:make_column_transformer",
    "load_breast_cancer": "sklearn.datasets:load_breast_cancer",
    "MissingIndicator": "sklearn.impute:MissingIndicator",
    "SimpleImputer": "sklearn.impute:SimpleImputer",
    "roc_auc_score": "sklearn.metrics:roc_auc_score",
    "StratifiedGroupKFold": "sklearn.model_selection:StratifiedGroupKFold",
    "StratifiedKFold": "sklearn.model_selection:StratifiedKFold",
    "train_test_split": "sklearn.model_selection:train_test_split",
    "make_pipeline": "sklearn.pipeline:make_pipeline",
    "FunctionTransformer": "sklearn.preprocessing:FunctionTransformer",
    "OneHotEncoder": "sklearn.preprocessing:OneHotEncoder",
    "StandardScaler": "sklearn.preprocessing:StandardScaler",
    "compute_sample_weight": "sklearn.utils.class_weight:compute_sample_weight",
}


def write_script(plan: Plan) -> str:
    """Return the script as text that ends in a newline; it runs as `python script.py`."""
    constants = [
        *constant_lines(plan),
        f"MAX_EPOCHS, PATIENCE = {plan.max_epochs}, {plan.patience}",
    ]
    steps = [
        [f"keras.utils.set_random_seed({plan.training_seed})"],
        [*read_lines(plan), *_weights_lines(plan)],
        split_lines(plan),
        [*prepare_lines(plan), *training_lines(plan, fold_lines(plan))],
    ]
    main = [line for step in steps for line in [*step, ""]]
    network = [model_lines(plan), build_lines(plan), loss_lines(plan)]
    training = [schedule_lines(plan), stopping_lines(plan)]
    blocks = [constants, *function_lines(plan), *network, *training, main]
    code = "\n\n\n".join("\n".join(block) for block in blocks if block)
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    wanted = imports(source for name, source in _SOURCES.items() if name in used)
    return "\n".join([*_docstring(plan), "", *wanted, "", code])


def _docstring(plan: Plan) -> list[str]:
    # Free text could end the docstring: a study's name stands in it only where it is plain.
    plain = re.fullmatch(r"[A-Za-z0-9_. -]{1,60}", plan.study)
    of = f' of the study "{plan.study}"' if plain else ""
    return [
        f'"""Trial {plan.trial}{of}, as a script of its own.',
        "",
        f"The search reached a validation ROC-AUC of {plan.value:.4f} with these hyperparameters.",
        "Needs pandas, numpy, scikit-learn, and keras with tensorflow.",
        '"""',
    ]


def _weights_lines(plan: Plan) -> list[str]:
    if plan.roles.weight is None:
        return []
    cells = number_source(plan, f"table[{literal(plan.roles.weight)}]")
    return call("weights = pd.to_numeric", [cells], ".to_numpy()")

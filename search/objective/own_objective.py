"""A person's own objective, run: the functions of the file that `objective_file.py` identifies.

Whatever goes wrong in them becomes one sentence with the file and its line. As a program
(`python -m search.objective.own_objective SOURCE SHA256 FOLDER SEED`) this draws parameters and
builds a network once, so that a mistake is met before a study is made.
"""

import re
import sys
import traceback
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import optuna
from optuna.distributions import check_distribution_compatibility
from optuna.trial import FixedTrial

from objectives.engine import constant_rate
from objectives.features.preparation import Prepared, load_prepared
from objectives.hyperparameters import Inputs, Regime
from objectives.optimizers import make_optimizer
from search.errors import SearchError, SettingError
from search.objective.objective_file import ObjectiveFile, line_of, objective_path, read_objective
from search.objective.task import Stored, Task
from search.sampling import draw_by
from search.spaces.parameters import PARAMETERS
from search.spaces.space import usual_batch_size
from storage.errors import IncompatibleParameterError

REGIME = tuple(field.name for field in fields(Regime))  # names that mean something to training
_LEARNING_RATE = 1e-3  # Adam's own
_SATURATED = ("sigmoid", "softmax")
_COMPATIBLE = check_distribution_compatibility.__name__  # which raises a mere ValueError
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # Keras's messages have some


class OwnObjective:
    """The functions of a file.

    Raises:
        SettingError: the file cannot be run, or lacks a function.
    """

    def __init__(self, file: ObjectiveFile) -> None:
        self._file = file
        self._path = objective_path(file.source)
        module = ModuleType("objective")
        module.__file__ = str(self._path)
        code = compile(file.text, str(self._path), "exec")
        self._call("as it is read", exec, code, module.__dict__)
        self._functions = {
            name: getattr(module, name, None) for name in ("suggest", "build", "optimizer")
        }
        missing = [n for n in ("suggest", "build") if not callable(self._functions[n])]
        if missing:
            raise SettingError(
                f"{file.name} must define suggest(trial) and build(params, inputs); it lacks "
                f"{' and '.join(f'`{name}`' for name in missing)}."
            )

    def draw(self, study: optuna.Study, trial_id: int) -> tuple[dict[str, Any], Stored]:
        """Draw a trial's parameters as the file's `suggest` asks for them.

        Raises:
            IncompatibleParameterError: the file has changed, and with it what a parameter is.
        """
        return draw_by(self._suggested, study, trial_id)

    def task(self, params: Mapping[str, Any], prepared: Prepared) -> Task:
        """Return the network that the file builds from the parameters."""
        values = self._suggested(FixedTrial(dict(params)))
        regime = self._regime(values, prepared)
        if self._functions["optimizer"] is not None:
            rate = constant_rate(self._optimizer(values, regime))
            regime = replace(regime, learning_rate=regime.learning_rate if rate is None else rate)
        return Task(
            regime=regime,
            model=partial(self._model, values, prepared.inputs),
            optimizer=partial(self._optimizer, values, regime),
        )

    def step(self, task: Task, prepared: Prepared, seed: int) -> None:
        """Feed two rows to a new network, as training does it first, and make an optimizer."""
        network = task.model(seed)
        rows = prepared.folds[0].train.inputs(task.regime.scaling)
        few = keras.tree.map_structure(lambda x: np.asarray(x[:2]), rows)
        self._call("as it is fed", partial(network, training=True), few)
        task.optimizer()

    def _suggested(self, trial: Any) -> dict[str, Any]:
        """Return what `suggest` makes of a trial, which may have fewer parameters than it needs."""
        values = self._call("in suggest", self._functions["suggest"], trial)
        if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
            raise SettingError(
                f"suggest of {self._file.name} must return a dict of parameters by name; got "
                f"{_shown(values)}."
            )
        return values

    def _regime(self, values: Mapping[str, Any], prepared: Prepared) -> Regime:
        """Return how the network is trained: what the parameters say of it, and the usual."""
        said = {name: values[name] for name in REGIME if values.get(name) is not None}
        for name, value in said.items():
            self._check_value(name, value)
        if prepared.inputs.array is not None and "scaling" in said:
            raise SettingError(
                f"suggest of {self._file.name} names `scaling`, but arrays are fed as they are. "
                "Leave it out, and scale within the network."
            )
        if said.get("scaling") not in prepared.scalings:  # where it makes no difference
            said["scaling"] = prepared.scalings[0]
        usual = {
            "learning_rate": _LEARNING_RATE,
            "batch_size": usual_batch_size(prepared.n_train),
        }
        return Regime(**{**usual, **said})

    def _check_value(self, name: str, value: Any) -> None:
        parameter = PARAMETERS[name]
        if parameter.limits is None:
            good, wanted = value in parameter.words, ", ".join(map(str, parameter.words))
        else:
            limits, wanted = parameter.limits, parameter.limits.say()
            number = isinstance(value, int | float) and not isinstance(value, bool)
            good = number and limits.admit(value) and (not limits.whole or value == int(value))
            good = good or (number and parameter.can_be_off and value == 0)
        if not good:
            raise SettingError(
                f"suggest of {self._file.name} returns `{name}`, which training obeys: it must be "
                f"{wanted}; got {_shown(value)}. Call it otherwise if it means something else."
            )

    def _model(self, values: Mapping[str, Any], inputs: Inputs, seed: int) -> keras.Model:
        keras.utils.set_random_seed(seed)
        model = self._call("in build", self._functions["build"], dict(values), inputs)
        self._check_model(model, inputs)
        return model

    def _check_model(self, model: Any, inputs: Inputs) -> None:
        name = self._file.name
        if not isinstance(model, keras.Model):
            raise SettingError(f"build of {name} must return a Keras model; got {_shown(model)}.")
        if type(model).__name__ not in ("Sequential", "Functional") or not model.built:
            raise SettingError(
                f"build of {name} must return a Sequential or functional model that begins with "
                f"keras.Input(inputs.shape); got a {type(model).__name__} without. Put what is "
                "special into a layer."
            )
        if model.compiled:
            raise SettingError(
                f"build of {name} must return an uncompiled model; got a compiled one. Leave "
                "compile out: optimizer(params) chooses the optimizer, and the loss is "
                "cross-entropy."
            )
        takes = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
        if inputs.embeddings:
            wanted = {"features": inputs.shape, "codes": (len(inputs.embeddings),)}
            if takes != wanted:
                raise SettingError(
                    f"build of {name} must take two inputs, since some columns have many levels: "
                    f"keras.Input({wanted['features']}, name='features') and keras.Input("
                    f"{wanted['codes']}, dtype='int32', name='codes'); it takes {takes}. Or leave "
                    "those columns out with --drop."
                )
        elif list(takes.values()) != [inputs.shape]:
            raise SettingError(
                f"build of {name} must take one input, keras.Input({inputs.shape}); it takes "
                f"{', '.join(map(str, takes.values()))}."
            )
        gives = [tuple(tensor.shape[1:]) for tensor in model.outputs]
        if gives != [(inputs.n_outputs,)]:
            raise SettingError(
                f"build of {name} must give (rows, {inputs.n_outputs}), the logits of "
                f"{max(2, inputs.n_outputs)} classes; it gives "
                f"{', '.join(str(('rows', *shape)) for shape in gives)}. End it with "
                "Dense(inputs.n_outputs)."
            )
        last = getattr(getattr(model.layers[-1], "activation", None), "__name__", None)
        if last in _SATURATED or type(model.layers[-1]).__name__.lower() in _SATURATED:
            raise SettingError(
                f"build of {name} must give logits, without a sigmoid or softmax at the end; its "
                "last layer has one. Leave that activation out."
            )

    def _optimizer(self, values: Mapping[str, Any], regime: Regime) -> keras.Optimizer:
        make = self._functions["optimizer"]
        if make is None:
            return make_optimizer(regime)
        made = self._call("in optimizer", make, dict(values))
        if not isinstance(made, keras.Optimizer) or made.built:
            raise SettingError(
                f"optimizer of {self._file.name} must return a new Keras optimizer; got "
                f"{_shown(made)}."
            )
        return made

    def _call(self, doing: str, function: Any, *arguments: Any) -> Any:
        """Return what a function of the file returns; what it raises as a sentence."""
        try:
            return function(*arguments)
        except optuna.TrialPruned as error:
            raise SettingError(
                f"{self._file.name}, {doing}: trials are pruned by --pruner; raise nothing."
            ) from error
        except Exception as error:
            where = line_of(error, self._file) or self._file.name
            if any(f.name == _COMPATIBLE for f in traceback.extract_tb(error.__traceback__)):
                raise IncompatibleParameterError(
                    f"{where}, {doing}: a parameter must keep its kind, its scale and its choices "
                    f"within a study ({_said(error)}). Give it another name, or launch a new study."
                ) from error
            raise SettingError(f"{where}, {doing}: {_said(error)}") from error


def _said(error: BaseException) -> str:
    text = _COLOUR.sub("", " ".join(str(error).split()))
    return f"{type(error).__name__}: {text[:300]}"


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else f'{text[:57]}...'}"


def rehearse(file: ObjectiveFile, prepared: Prepared, seed: int) -> None:
    """Draw parameters, build their network and feed it two rows, in a study that nobody keeps.

    Raises:
        SettingError: what is wrong with the file, and where.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    objective = OwnObjective(file)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    params, _ = objective.draw(study, trial._trial_id)
    objective.step(objective.task(params, prepared), prepared, seed)


def main(source: str, sha256: str, folder: Path, seed: int) -> int:
    """Rehearse an objective; say what is wrong with it as the last line of standard error."""
    try:
        file = read_objective(source)
        if file.sha256 != sha256:
            raise SettingError(f"{file.name} changed while it was read. Launch again.")
        rehearse(file, load_prepared(folder), seed)
    except SearchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))

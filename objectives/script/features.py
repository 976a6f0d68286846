"""The features of a script: what scikit-learn and two functions make of the table's columns.

They are those of `preprocessing.py` but for what a person would not write out: ranks stand for
themselves, without knots. A class of its own pulls outliers in where the table has some.
scikit-learn's own QuantileTransformer is no stand-in: it sends all ties at the smallest and the
largest value to the very ends, zeros and ones to -5 and 5 (0.728 in place of 0.749 on a table of
such columns). Each function returns lines of source. Next: `network.py`.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from objectives.features.encoding import RARE_BELOW
from objectives.features.quantiles import END
from objectives.features.scaling import CENTRAL, CLIP, FENCE, filled, pull_in, single_precision
from objectives.script.layout import call
from objectives.script.plan import Plan

_Step = tuple[tuple[str, list[str]], str, str]  # a call, a name for what it makes, columns


def has_outliers(frame: pd.DataFrame, trained: Iterable[npt.NDArray[np.intp]]) -> bool:
    """Whether the scaling pulls a cell in, in the training rows of some fold.

    Args:
        frame: the table's used columns, as `Table.frame` has them.
        trained: the training rows of each fold.
    """
    columns = [single_precision(column) for _, column in frame.select_dtypes("float64").items()]
    cells = [filled(column[rows]) for rows in trained for column in columns]
    return any(not np.array_equal(pull_in(values), values) for values in cells)


def function_lines(plan: Plan) -> list[list[str]]:
    """Return the functions that the preparation needs, each as its lines."""
    functions = []
    if plan.values and plan.hyperparameters.scaling == "quantile":
        functions.append(_normal_scores())
    if plan.values and _scaling(plan) == "FencedScaler":
        functions.append(_fenced_scaler())
    if plan.names("datetime"):
        periods = "(365.2425, 7, 1)" if plan.times_of_day else "(365.2425, 7)"
        time = "the year, the week and the day" if plan.times_of_day else "the year and the week"
        functions.append(
            [
                "def phases(days):",
                f'    """Where in {time} a date lies, as sines and cosines."""',
                f"    angles = [2 * np.pi * days / period for period in {periods}]",
                "    waves = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]",
                "    return np.nan_to_num(np.hstack(waves))",
            ]
        )
    if plan.embeddings:
        functions.append(
            [
                "def number_levels(train, rows):",
                '    """Number the levels of each column from 1; rare and unseen ones are 0."""',
                "    codes = []",
                "    for name in EMBEDDED:",
                "        counts = train[name].value_counts()",
                f"        levels = counts[counts >= {RARE_BELOW}].index",
                "        codes.append(levels.get_indexer(rows[name]) + 1)",
                '    return np.stack(codes, axis=1).astype("int32")',
            ]
        )
    return functions


def prepare_lines(plan: Plan) -> list[str]:
    """Return `prepare`, a scikit-learn transformer of `frame_name(plan)`; nothing to do is []."""
    steps = _steps(plan)
    if len(steps) == 1:
        head, arguments = steps[0][0]
        return call(f"prepare = {head}", arguments)
    lines: list[str] = []
    pairs = []
    for (head, arguments), name, names in steps:
        if name:
            lines += call(f"{name} = {head}", arguments)
        made = name or f"{head}({', '.join(arguments)})"
        if made == "FunctionTransformer()":
            made = '"passthrough"'
        pairs.append(f"({made}, {names})")
    return lines + call("prepare = make_column_transformer", pairs) if pairs else []


def frame_name(plan: Plan) -> str:
    """Return the source of the frame that `prepare` takes: all of the table where kinds mix."""
    steps = _steps(plan)
    return f"table[{steps[0][2]}]" if len(steps) == 1 else "table"


def clip(plan: Plan) -> int | None:
    """Return the bound of a feature, which outliers would pass; None where none can."""
    standard = plan.hyperparameters.scaling == "standard"
    return int(CLIP) if plan.values and standard else None


def _normal_scores() -> list[str]:
    return [
        "class NormalScores(TransformerMixin, BaseEstimator):",
        '    """Make of each number the normal quantile of its mean rank in training."""',
        "",
        "    def fit(self, x, y=None):",
        "        self.ranked_ = np.sort(x, axis=0)",
        "        return self",
        "",
        "    def transform(self, x):",
        "        columns = list(zip(self.ranked_.T, np.asarray(x).T, strict=True))",
        '        below = [np.searchsorted(ranked, column, "left") for ranked, column in columns]',
        '        up_to = [np.searchsorted(ranked, column, "right") for ranked, column in columns]',
        "        shares = np.add(below, up_to).T / (2 * len(self.ranked_))",
        f"        return np.clip(ndtri(shares), -{END:g}, {END:g})",
    ]


def _fenced_scaler() -> list[str]:
    central, *wider = (list(shares) for shares in CENTRAL)
    wide = "np.percentile(x, shares, axis=0)"
    return [
        "class FencedScaler(StandardScaler):",
        '    """Scale by a mean and deviation for which outliers lie at a fence."""',
        "",
        "    def fit(self, x, y=None):",
        f"        low, high = np.percentile(x, {central}, axis=0)",
        f"        for shares in {wider}:  # where the central rows are equal",
        f"            low, high = np.where(high > low, [low, high], {wide})",
        f"        reach = np.where(high > low, {FENCE:g} * (high - low), np.inf)",
        "        return super().fit(pd.DataFrame(x).clip(low - reach, high + reach, axis=1))",
    ]


def _steps(plan: Plan) -> list[_Step]:
    """Return what is made of which columns."""
    steps: list[_Step] = []
    if plan.values:
        names = {(True, False): "NUMERIC", (False, True): "DATES"}.get(
            (bool(plan.names("numeric")), bool(plan.names("datetime"))), "[*NUMERIC, *DATES]"
        )
        steps.append((_scaler(plan), "scale", names))
        if _has_gaps(plan):
            steps.append((("MissingIndicator", ["error_on_new=False"]), "", names))
    if plan.names("datetime"):
        steps.append((("FunctionTransformer", ["phases"]), "", "DATES"))
    if plan.names("text"):
        steps.append((("FunctionTransformer", []), "", "TEXT"))
    if plan.names("categorical"):
        arguments = [f"min_frequency={RARE_BELOW}", 'handle_unknown="infrequent_if_exist"']
        steps.append(
            (("OneHotEncoder", [*arguments, "sparse_output=False"]), "one_hot", "CATEGORICAL")
        )
    return steps


def _scaler(plan: Plan) -> tuple[str, list[str]]:
    if not _has_gaps(plan):
        return _scaling(plan), []
    return "make_pipeline", ['SimpleImputer(strategy="median")', f"{_scaling(plan)}()"]


def _scaling(plan: Plan) -> str:
    if plan.hyperparameters.scaling == "quantile":
        return "NormalScores"
    return "FencedScaler" if plan.outliers else "StandardScaler"


def _has_gaps(plan: Plan) -> bool:
    return not set(plan.gaps).isdisjoint(plan.values)

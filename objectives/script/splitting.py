"""The middle of a script: which rows train and which validate, as `split.py` decides.

Row by row and by time, the script finds the very rows of the search. Where rows stay together, with
--group and for copies of rows, the search deals them out its own way and the script does with what
scikit-learn has: other rows, of the same kind. Next: `features.py`.
"""

import numpy as np
import pandas as pd

from objectives.script.layout import call, literal
from objectives.script.plan import Copies, Plan
from objectives.script.reading import date_arguments, number_source
from objectives.splitting.duplicates import MIN_ORDINARY, equal_rows, rows_together
from objectives.splitting.split import TEST_SHARE, VALIDATION_SHARE

_ROWS_ASIDE = "# `test` is for the very last look; nothing below touches it."


def keeps_copies_together(frame: pd.DataFrame) -> Copies:
    """Return how the search treats equal rows of a table's used columns (`duplicates`)."""
    together = rows_together(frame)
    if together is None:
        return "no"
    return "yes" if together.max() == equal_rows(frame).max() else "some"


def split_lines(plan: Plan) -> list[str]:
    """Return what makes `train` and `validation`, or with several folds `rest` and `folds`."""
    if plan.roles.time is not None:
        return _by_time(plan)
    first, second = (int(s) for s in np.random.SeedSequence(plan.seed).generate_state(2))
    if plan.roles.group is not None:
        return _by_group(plan, first, second)
    copies = _copy_lines(plan)
    rows = "different" if copies else "np.arange(len(y))"
    stratify = "y[different]" if copies else "y"
    aside = _shuffled("rest, test", rows, TEST_SHARE, stratify, first)
    lines = [*copies, _ROWS_ASIDE, *aside]
    if plan.folds > 1:
        arguments = [str(plan.folds), "shuffle=True", f"random_state={second}"]
        made = call("splitter = StratifiedKFold", arguments)
        return [*lines, "rest.sort()", *made, "folds = splitter.split(rest, y[rest])"]
    share = VALIDATION_SHARE / (1 - TEST_SHARE)
    return (
        lines
        + _shuffled("train, validation", "rest", share, "y[rest]", second)
        + _with_copies(plan)
    )


def fold_lines(plan: Plan) -> list[str]:
    """Return what makes `train` and `validation` row numbers at the start of a fold."""
    return ["train, validation = rest[train], rest[validation]", *_with_copies(plan)]


def _copy_lines(plan: Plan) -> list[str]:
    """Return what makes `copies`, equal for rows that stay together, and `different` rows."""
    if plan.copies == "no" or plan.roles.group is not None or plan.roles.time is not None:
        return []
    lines = [
        "# Equal rows stay together: the different ones are split, and their copies follow.",
        f"used = {_used(plan)}",
        *call("same = table.groupby", ["used", "dropna=False", "sort=False"]),
    ]
    if plan.copies == "yes":
        lines.append("copies = same.ngroup().to_numpy()")
    else:
        share = 'table.groupby(name, dropna=False)[TARGET].transform("size") / len(y)'
        lines += [
            "copies = same.ngroup().to_numpy(copy=True)",
            "# Rows that chance alone makes equal are no copies: each goes its own way.",
            f"shares = [{share} for name in used]",
            "by_chance = len(y) * np.prod(shares, axis=0) >= 1",
            f"by_chance &= np.bincount(copies)[copies] >= {MIN_ORDINARY}",
            "copies[by_chance] = len(y) + np.arange(by_chance.sum())",
        ]
    return [*lines, "different = np.sort(np.unique(copies, return_index=True)[1])"]


def _with_copies(plan: Plan) -> list[str]:
    if not _copy_lines(plan):
        return []
    return [
        f"{part} = np.flatnonzero(np.isin(copies, copies[{part}]))"
        for part in ("train", "validation")
    ]


def _used(plan: Plan) -> str:
    """Return the source of a list of the used columns."""
    heads = {
        "NUMERIC": plan.names("numeric"),
        "DATES": plan.names("datetime"),
        "CATEGORICAL": plan.names("categorical"),
        "TEXT": plan.names("text"),
        "EMBEDDED": tuple(plan.embeddings),
    }
    return f"[{', '.join(f'*{head}' for head, names in heads.items() if names)}]"


def _shuffled(names: str, rows: str, share: float, stratify: str, seed: int) -> list[str]:
    arguments = [rows, f"test_size={share:g}", f"stratify={stratify}", f"random_state={seed}"]
    return call(f"{names} = train_test_split", arguments)


def _group_codes(plan: Plan) -> list[str]:
    lines = call("groups = pd.factorize", [f"table[{literal(plan.roles.group)}]"], "[0]")
    if plan.roles.group in plan.gaps:
        alone = "groups = np.where(groups < 0, -1 - np.arange(len(y)), groups)"
        lines.append(f"{alone}  # none: alone")
    return lines


def _by_group(plan: Plan, first: int, second: int) -> list[str]:
    aside = [str(round(1 / TEST_SHARE)), "shuffle=True", f"random_state={first}"]
    parts = plan.folds if plan.folds > 1 else round((1 - TEST_SHARE) / VALIDATION_SHARE)
    inner = [str(parts), "shuffle=True", f"random_state={second}"]
    lines = [
        *_group_codes(plan),
        _ROWS_ASIDE,
        *call("splitter = StratifiedGroupKFold", aside),
        "rest, test = next(splitter.split(y, y, groups))",
        *call("splitter = StratifiedGroupKFold", inner),
        "folds = splitter.split(rest, y[rest], groups[rest])",
    ]
    if plan.folds == 1:
        lines.append("train, validation = (rest[part] for part in next(folds))")
    return lines


def _by_time(plan: Plan) -> list[str]:
    cells = f"table[{literal(plan.roles.time)}]"
    if plan.time_order is None:
        made = [f'times = pd.to_numeric({number_source(plan, cells)}, errors="coerce")']
    else:
        day_first = ["dayfirst=True"] if plan.time_order == "DMY" else []
        arguments = date_arguments(cells, day_first)
        made = call("times = pd.to_datetime", arguments, ".dt.tz_localize(None)")
    if plan.roles.group is not None:
        made += [*_group_codes(plan), 'times = times.groupby(groups).transform("max")']
    return [
        *made,
        "# The latest fifth is the test set, for the very last look; the fifth before validates.",
        "moments, counts = np.unique(times, return_counts=True)",
        "share = np.cumsum(counts)[:-1] / len(times)  # of the rows, up to each moment",
        f"late = 1 + np.abs(share[1:] - {1 - TEST_SHARE:g}).argmin()",
        f"early = np.abs(share[:late] - {1 - TEST_SHARE - VALIDATION_SHARE:g}).argmin()",
        "train = np.flatnonzero(times <= moments[early])",
        "validation = np.flatnonzero((times > moments[early]) & (times <= moments[late]))",
    ]

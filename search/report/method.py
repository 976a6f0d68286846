"""How a study was done: the facts that somebody needs who does it again or doubts it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from search.duration import format_duration
from search.report.gathering import Gathered
from search.report.numbers import UNKNOWN, say_number
from search.report.sentences import say_looks
from search.report.tables import Table
from search.spaces.ranges import Interval
from search.spaces.space_file import spec_of
from search.spaces.space_text import say_searched
from search.wording import say_columns, say_labels

_COLUMNS = 60  # listed at most
_ROLES = {
    "weight": "rows weigh by",
    "group": "rows that stay together share",
    "time": "split by time in",
}


def facts(found: Gathered) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return groups of facts: the title of each, and its terms with what they stand for."""
    return [
        ("Data", _data(found)),
        ("Split", _split(found)),
        ("Search", _search(found)),
        ("Answer", _answer(found.answer)),
        ("Versions", [(name, version) for name, version in _settings(found)["versions"].items()]),
    ]


def columns_table(found: Gathered) -> Table:
    """Return the columns with their kinds; empty where the table is gone."""
    shown, rest = found.columns[:_COLUMNS], found.columns[_COLUMNS:]
    rows = [[each["name"], each["kind"], each["why"]] for each in shown]
    if rest:
        kinds = Counter(each["kind"] for each in rest)
        rows.append([f"and {len(rest)} more", "", ", ".join(f"{n} {k}" for k, n in kinds.items())])
    return Table(
        title="Columns", header=["column", "taken for", "because"], rows=rows, numbers=False
    )


def space_table(found: Gathered) -> Table:
    """Return what each parameter was drawn from, and what the chosen trial drew."""
    params = found.answer["winner"]["params"]
    return Table(
        title="The space that was searched, and what was chosen",
        header=["parameter", "chosen", "from"],
        rows=[
            [name, _say_choice(name, params), _say_range(each)]
            for name, each in found.space.items()
        ],
        numbers=False,
    )


def _say_range(found: Mapping[str, Any]) -> str:
    if "choices" in found:
        return ", ".join(map(str, found["choices"]))
    return f"{found['low']:g} to {found['high']:.3g}{' (log)' if found['log'] else ''}"


def _say_choice(name: str, params: Mapping[str, Any]) -> str:
    value = params.get(name)
    if params.get(f"use_{name}") is False:
        return "off"
    if value is None:
        return UNKNOWN
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _data(found: Gathered) -> list[tuple[str, str]]:
    data = found.figures["data"]
    return [
        ("table", f"{data['name']}, {data['rows']:,} rows, {say_columns(data['columns'])}"),
        ("target", f"{say_labels(data['labels'])}, in column {data['target']}"),
        ("SHA-256", data["sha256"]),
        *_roles(_settings(found).get("roles") or {}),
    ]


def _roles(roles: Mapping[str, Any]) -> list[tuple[str, str]]:
    told = [(said, str(roles[name])) for name, said in _ROLES.items() if roles.get(name)]
    for name in ("categorical", "numeric", "drop"):
        if roles.get(name):
            told.append((f"told: {name}", ", ".join(roles[name])))
    return told


def _split(found: Gathered) -> list[tuple[str, str]]:
    rows, folds = found.answer["rows"], found.answer["folds"]
    if folds > 1:
        how = (
            f"{folds} folds: each trial trains {folds} networks on about {rows['training']:,} rows "
            f"and is judged on the other {rows['validation']:,} or so"
        )
    else:
        how = f"{rows['training']:,} rows train, {rows['validation']:,} validate"
    roles = _settings(found).get("roles") or {}
    kind = "by time" if roles.get("time") else "stratified by class"
    return [
        ("validation", how),
        ("test rows", f"{rows['test']:,}, kept aside. {say_looks(found.answer['looks'])}"),
        ("how", f"{kind}, seed {found.figures['seed']}; all is fitted on training rows alone"),
    ]


def _search(found: Gathered) -> list[tuple[str, str]]:
    figures, settings = found.figures, _settings(found)
    counts = ", ".join(f"{n} {state}" for state, n in figures["trials"].items() if n)
    verdicts = ", ".join(f"{n} {verdict}" for verdict, n in figures["verdicts"].items())
    return [
        ("state", f"{figures['state']}: {counts or 'no trials'} of {figures['planned_trials']}"),
        ("verdicts", verdicts or "none yet"),
        ("time", f"{format_duration(figures['seconds'])} with {_workers(figures, settings)}"),
        ("space", say_searched(settings)),
        *_objective(settings),
        ("sampler", settings["sampler"]),
        ("pruner", settings["pruner"]),
        (
            "training",
            f"at most {settings['max_epochs']} epochs, stopped after {settings['patience']} "
            "without a better validation ROC-AUC; the weights of the best epoch are kept",
        ),
        ("seed", str(figures["seed"])),
        *_l1(settings, found.space),
    ]


def _workers(figures: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    n = max(len(figures["workers"]), settings["workers"])
    return f"{n} {'worker' if n == 1 else 'workers'}"


def _objective(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    objective = settings.get("objective")
    if objective is None:
        return []
    return [("objective", f"{objective['source']}, SHA-256 {objective['sha256']}")]


def _l1(
    settings: Mapping[str, Any], space: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """Return where the search of L1 ended; nothing for an objective of a person's own."""
    return [] if settings.get("objective") else [("largest L1", _largest_l1(settings, space))]


def _largest_l1(settings: Mapping[str, Any], space: Mapping[str, Mapping[str, Any]]) -> str:
    bound, dies_at = settings.get("l1_bound"), settings.get("l1_dies_at")
    if bound is None or not isinstance(spec_of(settings).ranges["l1"], Interval):
        return "as the space says"
    if (asked := space["l1"]["high"]) != bound:
        return f"{asked:.1e}, as was asked for; the data bear {bound:.1e}"
    why = "" if dies_at is None else f": at {dies_at:.1e} it outweighs all that the rows teach"
    return f"{bound:.1e}{why}"


def _answer(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    if answer["winner"]["chosen_by"] == "confirmation":
        chosen = f"trial {answer['winner']['trial']}: the best of those that were trained again"
    else:
        chosen = f"trial {answer['winner']['trial']}: the best on validation rows"
    found = [("chosen", chosen), ("ensemble", _ensemble(answer.get("ensemble")))]
    if answer.get("threshold") is not None:
        found.append(("threshold", f"{answer['threshold']:.3f}, chosen on validation rows"))
    found.append(("made", str(answer["made_at"])))
    return found


def _ensemble(ensemble: Mapping[str, Any] | None) -> str:
    if ensemble is None:
        return "none: fewer than two trials kept their predictions"
    members: Sequence[tuple[int, float]] = sorted(
        zip(ensemble["trials"], ensemble["weights"], strict=True), key=lambda pair: -pair[1]
    )
    said = ", ".join(f"{trial} ({weight:.0%})" for trial, weight in members)
    value = say_number(ensemble["validation_roc_auc"], ".4f")
    return f"trials {said}; validation ROC-AUC {value}"


def _settings(found: Gathered) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = found.figures["settings"]
    return settings

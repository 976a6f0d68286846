"""Which pictures a report has, each with its title and what is to be seen; only those that can be.

The numbers come from the answer, `pictures/` draws them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from search.report.gathering import Gathered
from search.report.numbers import say_number
from search.report.pictures.calibration import draw_calibration
from search.report.pictures.confusion import draw_confusion
from search.report.pictures.history import draw_history
from search.report.pictures.importances import draw_importances
from search.report.pictures.intervals import draw_intervals
from search.report.pictures.learning import draw_learning_curves
from search.report.pictures.near_zero import draw_near_zero
from search.report.pictures.parallel import draw_parallel
from search.report.pictures.roc import draw_roc, draw_roc_of_classes
from search.report.pictures.slices import WORDS, draw_slice

_MOST_CLASSES = 60  # of which a confusion matrix can be read
_BESIDE = ("unregularised", "network")  # from left to right, where two networks stand side by side


@dataclass(frozen=True, kw_only=True)
class Illustration:
    """A picture in its place."""

    name: str  # letters only, of its own
    title: str
    says: str  # how to read it, or what is to be seen
    figure: Figure
    has_caption: bool = True  # whether `says` stands below the title too, and not beside all


SLICES = (
    "A dot is a trial with its standard error, the ring the chosen one, a triangle one far below. "
    "The heavy lines are medians of neighbouring trials in a band of about 95%. Everything else "
    "varies too, so look for what the band does, not for single dots."
)


def of_models(found: Gathered) -> Iterator[Illustration]:
    """Yield the models side by side."""
    rows = {model["name"]: model["test"]["roc_auc"] for model in found.answer["models"]}
    if rows:
        yield Illustration(
            name="intervals",
            title="Which model ranks best?",
            says="Each dot is a model's ROC-AUC on the test rows, each bar its 95% interval. "
            "Intervals that overlap do not settle it: the table of differences compares models "
            "row by row.",
            figure=draw_intervals(rows),
        )


def of_calls(found: Gathered) -> Iterator[Illustration]:
    """Yield ROC curves, confusion matrices and calibration on the test rows."""
    answer = found.answer
    models = {model["name"]: model for model in answer["models"]}
    network = models.get("network")
    yield from _roc(models)
    if network is None or len(answer["labels"]) > _MOST_CLASSES:
        return
    labels, confusion = answer["labels"], network["confusion"]
    yield from _calibration(models, two=len(labels) == 2)
    if confusion.get("threshold") is not None:
        at = say_number(answer["threshold"])
        yield Illustration(
            name="confusion",
            title=f"What it calls right and wrong, from {at} upwards",
            says=f"Test rows by their true class and by what the network called them, with the "
            f"threshold of {at} that did best on validation rows. Blue is right.",
            figure=draw_confusion(confusion["threshold"], labels),
        )
    if confusion.get("half") is not None:
        two = len(labels) == 2
        called = "from a probability of 0.5 upwards" if two else "by the most probable class"
        yield Illustration(
            name="half",
            title="The same with a threshold of 0.5" if two else "What it calls right and wrong",
            says=f"Test rows by their true class and by what the network called them, {called}. "
            "Blue is right, and the darker, the larger its share of the true class.",
            figure=draw_confusion(confusion["half"], labels),
        )


def _roc(models: Mapping[str, Mapping[str, Any]]) -> Iterator[Illustration]:
    curves = {name: model["roc"] for name, model in models.items() if model.get("roc")}
    if curves:
        yield Illustration(
            name="roc",
            title="ROC curves",
            says="How many rows of the positive class are found, against how many others are "
            "called positive too, as the threshold falls. The nearer to the upper left, the "
            "better; the diagonal is guessing.",
            figure=draw_roc(
                curves, {name: models[name]["test"]["roc_auc"]["value"] for name in curves}
            ),
        )
    elif of_class := models.get("network", {}).get("roc_of_class"):
        yield Illustration(
            name="roc",
            title="ROC curves, a class each",
            says="The chosen network: each class against all others. The nearer to the upper "
            "left, the better told apart.",
            figure=draw_roc_of_classes(of_class),
        )


def _calibration(models: Mapping[str, Mapping[str, Any]], *, two: bool) -> Iterator[Illustration]:
    names = ("network", "unregularised")
    curves = {name: models[name]["calibration"] for name in names if name in models}
    if curves.get("network"):
        event = "the positive class" if two else "that the most probable class is the true one"
        yield Illustration(
            name="calibration",
            title="Do its probabilities come true?",
            says=f"Test rows in ten groups by the probability of {event}, and the share that came "
            "true, with 95% intervals. On the diagonal a probability can be taken at its word.",
            figure=draw_calibration(curves),
        )


def of_regularisation(found: Gathered) -> Iterator[Illustration]:
    """Yield learning curves and weights near zero."""
    answer = found.answer
    curves = _side_by_side(answer["curves"])
    if curves:
        yield Illustration(
            name="learning",
            title="How the two networks learned",
            says="Where the loss of training rows falls on while that of validation rows rises, a "
            "network learns its rows by heart. The dotted line is the epoch at which early "
            "stopping kept the weights. Of folds these are means as far as all of them go, and the "
            "line is the median fold's.",
            figure=draw_learning_curves(curves),
        )
    shares = _side_by_side(answer["near_zero"])
    if shares:
        yield Illustration(
            name="nearzero",
            title="Weights that are nearly zero",
            says="Share of each layer's weights below 0.001. L1 drives useless weights to zero; "
            "where nearly all of them are, a network has died.",
            figure=draw_near_zero(shares),
        )


def _side_by_side(of_networks: Mapping[str, Any]) -> dict[str, Any]:
    """Return what there is of both networks; of one where the plain one was chosen."""
    found = {name: of_networks[name] for name in _BESIDE if of_networks.get(name)}
    if found.get("unregularised") == found.get("network"):
        found.pop("unregularised", None)
    return found


def of_strengths(found: Gathered) -> Iterator[Illustration]:
    """Yield a slice for dropout, L1 and L2, which `SLICES` says how to read."""
    for name, points in found.answer["regularisation"].items():
        if points:
            yield Illustration(
                name=f"slice{name}",
                title=f"ROC-AUC against {WORDS.get(name, name)}",
                says=SLICES,
                figure=draw_slice(name, points, found.answer["winner"]["trial"]),
                has_caption=False,
            )


def of_search(found: Gathered) -> Iterator[Illustration]:
    """Yield the history, the importances and the parallel coordinates."""
    complete = [trial for trial in found.trials if trial["state"] == "complete"]
    winner = found.answer["winner"]["trial"]
    folds = found.answer["folds"]
    edge = " and those stopped before their last fold" if folds > 1 else ""
    if any(trial["value"] is not None for trial in found.trials):
        yield Illustration(
            name="history",
            title="The search, trial by trial",
            says="Validation ROC-AUC of each trial in its order; at the lower edge lie those far "
            f"below the others{edge}.",
            figure=draw_history(found.trials, winner, folds=folds),
        )
    if any(found.figures["importances"].values()):
        yield Illustration(
            name="importances",
            title="What mattered",
            says="Share of the differences between trials that each hyperparameter explains "
            "(PED-ANOVA); regularisation in blue.",
            figure=draw_importances(found.figures["importances"]),
        )
    if complete and found.space:
        yield Illustration(
            name="parallel",
            title="What good trials have in common",
            says="Each line is a trial, from its hyperparameters at the top to its ROC-AUC at the "
            "bottom: the best fifth in blue, the chosen one heavy. Where the blue lines meet, "
            "the value matters.",
            figure=draw_parallel(complete, found.space, winner),
        )

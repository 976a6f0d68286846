"""A learning curve as a CSV file, which the dashboard shows as a table."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

CURVE_FILE = "learning_curve.csv"
_COLUMNS = ("training_loss", "validation_loss", "validation_roc_auc")


def curve_csv(learning_curve: Mapping[str, Any]) -> bytes:
    """Return a learning curve, a row an epoch; of several folds first their mean, then each.

    Args:
        learning_curve: as it is stored.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    folds = learning_curve.get("folds")
    if folds is None:
        writer.writerow(["epoch", *_COLUMNS])
        writer.writerows(_rows(learning_curve))
    else:
        writer.writerow(["fold", "epoch", *_COLUMNS])
        named = {"mean": learning_curve, **{str(i + 1): fold for i, fold in enumerate(folds)}}
        writer.writerows([name, *row] for name, fold in named.items() for row in _rows(fold))
    return file.getvalue().encode()


def _rows(curve: Mapping[str, Any]) -> Iterator[list[Any]]:
    values = zip(*(curve[name] for name in _COLUMNS), strict=True)
    for epoch, row in enumerate(values, start=1):
        yield [epoch, *(f"{value:.6g}" for value in row)]

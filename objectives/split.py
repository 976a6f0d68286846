"""Which rows train, which validate and which wait for the report.

One split is made per study, from the labels and the study's seed alone, so that every trial and
every worker sees the same rows. The test rows belong to the report and to nobody else.
Next: `preparation` turns the training and validation rows into arrays.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split

from objectives.errors import DataError

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.2

# With five rows, 60/20/20 leaves three, one and one: the fewest that give every part the class.
MIN_ROWS_PER_CLASS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Row numbers of the three parts: disjoint, ascending, together every row; int64 arrays."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def split_rows(y: npt.ArrayLike, seed: int) -> Split:
    """Split rows 60/20/20, each part with the classes in the table's proportion.

    Args:
        y: (n_rows,) class of each row; at least MIN_ROWS_PER_CLASS rows of each of two classes.
        seed: any int >= 0; the same `y` and seed give the same split in every process.

    Raises:
        DataError: fewer than two classes, or too few rows of one, to put each in every part.
    """
    labels = np.asarray(y)
    _check_classes(labels)
    first, second = (int(s) for s in np.random.SeedSequence(seed).generate_state(2))
    rows = np.arange(len(labels), dtype=np.int64)
    rest, test = train_test_split(
        rows, test_size=TEST_SHARE, stratify=labels, shuffle=True, random_state=first
    )
    train, validation = train_test_split(
        rest,
        test_size=VALIDATION_SHARE / (1 - TEST_SHARE),
        stratify=labels[rest],
        shuffle=True,
        random_state=second,
    )
    return Split(train=np.sort(train), validation=np.sort(validation), test=np.sort(test))


def _check_classes(labels: npt.NDArray[np.generic]) -> None:
    counts = np.unique(labels, return_counts=True)[1]
    if len(counts) < 2:
        raise DataError(
            f"a split needs rows of two classes; got {len(counts)}. Give a target with two classes."
        )
    if counts.min() < MIN_ROWS_PER_CLASS:
        raise DataError(
            f"a split into training, validation and test rows needs at least {MIN_ROWS_PER_CLASS} "
            f"rows of each class; got {counts.min()} of one. Add rows of that class."
        )

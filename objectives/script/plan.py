"""What a script is written from: one trial, the table it was trained on, and what it reached.

Next: `writing.py`, which writes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from objectives.hyperparameters import Hyperparameters
from objectives.table.dialect import Dialect
from objectives.table.roles import Roles
from objectives.table.schema import Kind, Schema

# Whether rows that are equal in every used column stay on one side of a split; "some" do where
# others are equal by chance alone (`duplicates`).
Copies = Literal["no", "yes", "some"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A trial to be written as a script.

    Attributes:
        study, trial: where the trial stands.
        data_path: a CSV or Parquet file, or the built-in "breast-cancer".
        target: the column to predict.
        labels: K >= 2 classes as text, in the order of the class numbers; (negative, positive).
        roles, schema: as the table was read.
        hyperparameters: of the trial.
        seed: of the study; it makes the split.
        folds: 1 for one split, K for cross-validation.
        max_epochs, patience: of a training, >= 1.
        training_seed: of weights, shuffles and dropout, in [0, 2**32).
        value: the validation ROC-AUC that the search had.
        dialect: how a CSV file is written.
        embeddings: length of a level's vector, by categorical column of many levels.
        gaps: numeric, datetime and group columns with missing or infinite cells.
        infinite: whether some numeric cell is infinite in single precision.
        outliers: whether some cell is pulled in before it is scaled (`features.has_outliers`).
        unlabelled: whether rows are left out because they have no class.
        times_of_day: datetime columns whose time of day varies.
        copies: whether equal rows stay on one side of a split, as
            `splitting.keeps_copies_together` says.
        time_order: of the dates in the --time column, as `schema.Column.order`; None for numbers.
    """

    study: str
    trial: int
    data_path: str
    target: str
    labels: tuple[str, ...]
    roles: Roles
    schema: Schema
    hyperparameters: Hyperparameters
    seed: int
    folds: int
    max_epochs: int
    patience: int
    training_seed: int
    value: float
    dialect: Dialect = field(default_factory=Dialect)
    embeddings: Mapping[str, int] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    infinite: bool = False
    outliers: bool = False
    unlabelled: bool = False
    times_of_day: tuple[str, ...] = ()
    copies: Copies = "no"
    time_order: str | None = None

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return the columns of a kind in file order; of the categorical, the one-hot ones."""
        return tuple(
            column.name
            for column in self.schema.columns
            if column.kind == kind and column.name not in self.embeddings
        )

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that are scaled: numbers and dates."""
        return self.names("numeric") + self.names("datetime")

    @property
    def has_features(self) -> bool:
        """Whether some column is no embedded one."""
        return bool(self.values + self.names("categorical") + self.names("text"))

    @property
    def has_others(self) -> bool:
        """Whether some feature is no scaled value: indicators, phases, texts and one-hots."""
        gaps = not set(self.gaps).isdisjoint(self.values)
        others = self.names("datetime") + self.names("text") + self.names("categorical")
        return gaps or bool(others)

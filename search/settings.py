"""What a study was asked to do, as it is stored with the study.

A `Settings` value is made once, at launch, and everything after that (workers, resume, show) reads
it from the database: nothing given at launch has to be given again.
"""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution

from objectives.table.roles import Roles
from search.errors import SettingError, StudyChangedError
from search.objective.objective_file import ObjectiveFile
from search.placement import Placement
from search.pruning import check_pruner
from search.sampling import check_sampler
from search.spaces.named_spaces import DEFAULT_SPACE, SpaceSpec
from search.spaces.space import UNPROBED_L1_BOUND
from search.spaces.space_file import spec_of

if TYPE_CHECKING:
    from objectives.table.dataset import Table

DEFAULT_TRIALS = 50
DEFAULT_CONFIRM = 3  # trials: with 2 trainings each a tenth of DEFAULT_TRIALS or so
DEFAULT_MAX_EPOCHS = 100
DEFAULT_PATIENCE = 10

_VERSIONED = ("dampen", "optuna", "tensorflow", "keras", "scikit-learn", "numpy", "pandas")


@dataclass(frozen=True, kw_only=True)
class DataIdentity:
    """Which table a study searches on: enough to find it again and to see that it changed."""

    source: str  # what to read: a built-in name or an absolute path
    name: str
    target: str
    labels: tuple[str, ...]  # of two classes: (negative, positive)
    columns: tuple[str, ...]
    rows: int
    sha256: str

    @classmethod
    def of(cls, table: "Table", source: str) -> "DataIdentity":
        """Return the identity of a table that was read from `source`."""
        return cls(
            source=source,
            name=table.name,
            target=table.target,
            labels=table.labels,
            columns=table.columns,
            rows=len(table.y),
            sha256=table.sha256,
        )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a study was launched with, except its budget of trials."""

    data: DataIdentity
    roles: Roles = field(default_factory=Roles)
    folds: int = 1  # 1 for one split, more for cross-validation within each trial
    objective: ObjectiveFile | None = None  # a person's own; None for the networks of the space
    space: dict[str, str]  # parameter -> its distribution as Optuna's JSON; empty for an own one
    space_name: str = DEFAULT_SPACE  # of a named space, or of the file it was read from
    space_asked: dict[str, Any] = field(default_factory=dict)  # `space_file.stored_spec`
    l1_bound: float = UNPROBED_L1_BOUND  # the largest L1 of the space, unless another was asked for
    l1_dies_at: float | None = None  # as the probe found it; None where it could not, or was not
    seed: int
    sampler: str
    pruner: str
    max_epochs: int
    patience: int  # epochs
    timeout_seconds: float | None  # of each launch or resume; None for no limit
    stop_when_flat: bool = False
    first_trials: list[dict[str, Any]] = field(default_factory=list)  # `spaces/beginning.py`
    workers: int
    placement: Placement = field(default_factory=Placement)  # of the workers
    versions: dict[str, str]

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return the space as Optuna's distributions."""
        return {name: json_to_distribution(text) for name, text in self.space.items()}

    def spec(self) -> SpaceSpec:
        """Return the space as it was asked for."""
        return spec_of({"space_name": self.space_name, "space_asked": self.space_asked})

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Settings":
        """Return the settings that `to_json` gave."""
        data = dict(stored["data"])
        data["labels"], data["columns"] = tuple(data["labels"]), tuple(data["columns"])
        roles: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in stored.get("roles", {}).items()
        }
        objective = ObjectiveFile.from_json(stored.get("objective"))
        placement = Placement(**stored.get("placement", {}))
        own = {"data": DataIdentity(**data), "roles": Roles(**roles), "objective": objective}
        return cls(**{**stored, **own, "placement": placement})


def stored_space(space: Mapping[str, BaseDistribution]) -> dict[str, str]:
    """Return a space as it is stored."""
    return {name: distribution_to_json(distribution) for name, distribution in space.items()}


def check_choices(
    *,
    trials: int,
    confirm: int = DEFAULT_CONFIRM,
    sampler: str,
    pruner: str,
    max_epochs: int,
    patience: int,
    workers: int,
    seed: int,
    folds: int | None = None,
) -> None:
    """Raise SettingError for a value out of range, with the option that set it."""
    for option, value, least in (
        ("--trials", trials, 1),
        ("--confirm", confirm, 0),
        ("--max-epochs", max_epochs, 1),
        ("--patience", patience, 1),
        ("--workers", workers, 1),
        ("--seed", seed, 0),
        ("--folds", 1 if folds is None else folds, 1),
    ):
        check_whole(option, value, least)
    check_sampler(sampler)
    check_pruner(pruner)


def check_whole(option: str, value: int, least: int) -> None:
    """Raise SettingError unless the value of an option is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingError(f"{option} must be a whole number of at least {least}; got {value}.")


def installed_versions() -> dict[str, str]:
    """Return the versions that a study's results depend on."""
    found = {name: version(name) for name in _VERSIONED}
    return {"python": platform.python_version(), **found}


def check_same_data(study: str, then: DataIdentity, now: DataIdentity) -> None:
    """Raise StudyChangedError, saying what differs, unless both are the same table."""
    if then.sha256 == now.sha256 and then.target == now.target:
        return
    differences = []
    if then.target != now.target:
        differences.append(f"the target was `{then.target}` and is `{now.target}`")
    if then.rows != now.rows:
        differences.append(f"{then.rows} rows then, {now.rows} now")
    gone = [c for c in then.columns if c not in now.columns]
    new = [c for c in now.columns if c not in then.columns]
    if gone:
        differences.append(f"columns gone: {', '.join(gone)}")
    if new:
        differences.append(f"columns new: {', '.join(new)}")
    if not differences:
        differences.append("same rows and columns, but other content")
    raise StudyChangedError(
        f"study `{study}` was launched on other data than {now.source} holds now "
        f"({'; '.join(differences)}). Put the old file back, or launch a new study."
    )


def check_same_space(study: str, then: Settings, now: Mapping[str, str]) -> None:
    """Raise StudyChangedError, naming the parameters that differ, unless the space is `now`."""
    differing = sorted(n for n in {*then.space, *now} if then.space.get(n) != now.get(n))
    if differing:
        raise StudyChangedError(
            f"study `{study}` was launched with another search space than this version has "
            f"(different: {', '.join(differing)}). Resume it with dampen "
            f"{then.versions['dampen']}, or launch a new study."
        )

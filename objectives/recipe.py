"""How a training departs from plain steps on plain rows, beside its model and its optimizer.

TensorFlow-free. Next: `augmentation.py` and `averaging.py` do it within the compiled epoch,
`optimizers.py` says what a schedule is.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from objectives.hyperparameters import Regime


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Strengths and choices of a training; zero and "none" mean off."""

    label_smoothing: float = 0.0  # share of each label dealt out to all classes, [0, 1)
    mixup: float = 0.0  # alpha of the Beta distribution that rows are blended by, >= 0
    cutmix: float = 0.0  # probability that a batch's rows swap columns, [0, 1]
    fgsm: float = 0.0  # how far each feature of the adversarial rows is moved, >= 0
    averaging: str = "none"  # one of AVERAGES
    schedule: str = "constant"  # one of SCHEDULES

    @property
    def compiled(self) -> Hashable:
        """What is compiled into a program: what is on, not how strongly."""
        strengths = (self.label_smoothing, self.mixup, self.cutmix, self.fgsm)
        return (*(strength > 0 for strength in strengths), self.averaging)


PLAIN = Recipe()


def recipe_of(chosen: Regime) -> Recipe:
    """Return the recipe that a regime asks for."""
    return Recipe(
        label_smoothing=chosen.label_smoothing,
        mixup=chosen.mixup,
        cutmix=chosen.cutmix,
        fgsm=chosen.fgsm,
        averaging=chosen.averaging,
        schedule=chosen.schedule,
    )

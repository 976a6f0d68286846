"""How much L1 a network on this table can bear, found from the data before any network is trained.

A network with one hidden layer lives only while the loss it wins is worth more than the weights it
takes. The cheapest way to weigh the features by b is one unit: its incoming weights carry b / a and
its outgoing weight a, which costs L1 times (|b|_1 / a + a), least at a = sqrt(|b|_1): 2 sqrt(c)
where c = |b|_1. Biases cost nothing. So with D layers and the best b of every size c

    l1* = max over c of (H - L(c)) / (D c^(1/D)),       D = 2,

where H is the loss of knowing nothing and L(c) the least logistic loss with |b|_1 = c: the lasso
path, walked here by proximal gradient steps with momentum (Beck and Teboulle 2009, "A fast
iterative shrinkage-thresholding algorithm for linear inverse problems", eq. 4.1 to 4.3). Beyond l1*
all weights at zero is the cheaper solution. Deeper networks die earlier; those with batch or layer
normalisation, whose first weights may shrink without consequence, somewhat later (`.docs/log.md`).

Symbols: n rows, F features, K classes.
    x (n, F)   features        y (n, K)   indicators of the classes
    b (F, K)   weights of the softmax's logits        a (K,)   their biases
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from objectives.features.preparation import Prepared
from objectives.metrics import log_loss, probabilities
from objectives.verdict.linear import design_matrix

LARGEST, SMALLEST = 1e-1, 1e-4  # of what the space may end at
TINY = 1e-12  # instead of a rate of zero
UNKNOWN = 1e-2  # where it ends on data whose signal, if any, is not linear
MAX_ROWS = 2_000  # give the strength to a tenth of itself, in a tenth of a second
STEPS = 60  # at each place of the path; three times as many change nothing in two digits
# Penalties along the path, as shares of the least that leaves all weights at zero: l1* was found at
# the second to fourth on nine tables.
PATH = 0.7 ** np.arange(1, 9)

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """The strength of L1 at which the first layer dies."""

    dies_at: float | None  # of a network with one hidden layer; None where no feature says much

    @property
    def bound(self) -> float:
        """Where a search of L1 should end: `dies_at` to two digits, within [1e-4, 1e-1]."""
        if self.dies_at is None:
            return UNKNOWN
        return float(f"{min(max(self.dies_at, SMALLEST), LARGEST):.1e}")


UNPROBED = Probe(dies_at=None)  # of networks that are not this project's


def probe_l1(prepared: Prepared) -> Probe:
    """Return the largest L1 strength that the training rows of the first fold are worth."""
    x, labels = design_matrix(prepared.folds[0].train, MAX_ROWS)
    y = np.eye(len(prepared.labels))[labels]
    rates = y.mean(axis=0)
    pulls = np.abs(x.T @ (y - rates)) / len(x)  # (F, K), of the loss on weights of zero
    if not np.any(pulls > _noise(x, rates)):
        return Probe(dies_at=None)
    nothing = -float(np.sum(rates * np.log(np.maximum(rates, TINY))))
    a, b = np.log(np.maximum(rates, TINY)), np.zeros((x.shape[1], y.shape[1]))
    smoothness = 0.5 * _largest_eigenvalue(x)  # of the softmax loss, in b
    worth = [0.0]
    for share in PATH:
        a, b = _descend(x, y, a, b, penalty=share * pulls.max(), smoothness=smoothness)
        price = _price(b)
        if price > 0:
            worth.append((nothing - log_loss(labels, x @ b + a)) / price)
    return Probe(dies_at=max(worth))


def _noise(x: Floats, rates: Floats) -> Floats:
    """Return the largest pull that features without signal are likely to have, (F, K).

    The universal threshold, sd sqrt(2 log N / n) of N = F K normal numbers (Donoho and Johnstone
    1994, "Ideal spatial adaptation by wavelet shrinkage", eq. 14).
    """
    sd = np.outer(x.std(axis=0), np.sqrt(rates * (1 - rates)))
    return np.asarray(sd * np.sqrt(2 * np.log(max(2, sd.size)) / len(x)))


def _descend(
    x: Floats, y: Floats, a: Floats, b: Floats, *, penalty: float, smoothness: float
) -> tuple[Floats, Floats]:
    """Return biases and weights after STEPS steps on the loss with an L1 penalty."""
    a_ahead, b_ahead, t = a, b, 1.0
    for _ in range(STEPS):
        wrong = (probabilities(x @ b_ahead + a_ahead) - y) / len(x)
        stepped = b_ahead - x.T @ wrong / smoothness
        b_next = np.sign(stepped) * np.maximum(np.abs(stepped) - penalty / smoothness, 0.0)
        a_next = a_ahead - wrong.sum(axis=0) / 0.5
        t_next = (1 + np.sqrt(1 + 4 * t * t)) / 2
        a_ahead = a_next + (t - 1) / t_next * (a_next - a)
        b_ahead = b_next + (t - 1) / t_next * (b_next - b)
        a, b, t = a_next, b_next, t_next
    return a, b


def _price(b: Floats) -> float:
    """Return 2 sqrt(c), of one unit for the logit of two classes, or one for each of K."""
    columns = b[:, 1:] - b[:, :1] if b.shape[1] == 2 else b
    return float(2 * np.sum(np.sqrt(np.abs(columns).sum(axis=0))))


def _largest_eigenvalue(x: Floats) -> float:
    """Return that of x'x / n, by power iteration from a fixed start; a little too large."""
    v = np.ones(x.shape[1])
    norm = 0.0
    for _ in range(20):
        v = x.T @ (x @ v) / len(x)
        norm = float(np.linalg.norm(v))
        if norm == 0:
            return 0.0
        v /= norm
    return 1.1 * norm

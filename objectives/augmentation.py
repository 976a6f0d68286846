"""What is done to the rows and labels of a batch while it is trained on, inside the graph.

Each row's partner is the row before it in the batch, which the epoch has shuffled.

Symbols: b rows, s the share that a row keeps of itself.
    x (b, ...)     features, an array or a structure of them: floats are blended, codes chosen
    y, w (b,)      labels and row weights
    targets        [(y, w), ...]: labels that a row is to be called, and how much each counts
    z              logits, `loss.py`
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from objectives.loss import cross_entropy, even_cross_entropy
from objectives.recipe import Recipe

Targets = Sequence[tuple[tf.Tensor, tf.Tensor]]

_STRENGTHS = ("label_smoothing", "mixup", "cutmix", "fgsm")


class Augmentation:
    """Label smoothing, mixup, cutmix and adversarial rows: those that a recipe has on.

    Their strengths are variables, so that another strength costs no trace.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._strengths = {
            name: tf.Variable(0.0, trainable=False, dtype=tf.float32)
            for name in _STRENGTHS
            if getattr(recipe, name) > 0
        }

    def take(self, recipe: Recipe) -> None:
        """Take the strengths of another recipe with the same parts on."""
        for name, variable in self._strengths.items():
            variable.assign(getattr(recipe, name))

    def blend(
        self, x: Any, y: tf.Tensor, w: tf.Tensor, seed: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[Any, Targets]:
        """Return a batch of rows blended with their partners, and its targets.

        Mixup (Zhang et al. 2018, arXiv:1710.09412) blends all columns at the share
        s ~ Beta(alpha, alpha); cutmix (Yun et al. 2019, arXiv:1905.04899), at its probability and
        then instead of mixup, takes each column from the partner with probability 1 - s,
        s ~ U(0, 1). A label counts as much as there is of its row.

        Args:
            x: features.
            y: labels.
            w: row weights.
            seed: (2,) int32 of the epoch, and a number that no other batch of it has.
        """
        if not {"mixup", "cutmix"} & self._strengths.keys():
            return x, [(y, w)]
        own_seed = _fold(*seed)
        partner = keras.tree.map_structure(lambda part: tf.roll(part, 1, axis=0), x)
        share = tf.constant(1.0)
        blended = x
        if "mixup" in self._strengths:
            share = _beta(self._strengths["mixup"], own_seed)
            blended = keras.tree.map_structure(
                lambda own, other: _mixed(own, other, share, own_seed), x, partner
            )
        if "cutmix" in self._strengths:
            cut, kept = _cut(x, partner, _fold(own_seed, 1))
            uniform = tf.random.stateless_uniform([], _fold(own_seed, 2))
            cuts = uniform < self._strengths["cutmix"]
            share = tf.where(cuts, kept, share)
            blended = keras.tree.map_structure(lambda a, b: tf.where(cuts, a, b), cut, blended)
        return blended, [
            (y, share * w),
            (tf.roll(y, 1, axis=0), (1 - share) * tf.roll(w, 1, axis=0)),
        ]

    def loss(self, targets: Targets, z: tf.Tensor) -> tf.Tensor:
        """Return the cross-entropy of each row, weighted, its labels smoothed. (b,).

        A label keeps 1 - epsilon and deals out epsilon evenly to all classes (Szegedy et al. 2016,
        arXiv:1512.00567, sec. 7).
        """
        losses = [w * cross_entropy(y, z) for y, w in targets]
        if "label_smoothing" not in self._strengths:
            return tf.add_n(losses)
        epsilon = self._strengths["label_smoothing"]
        weights = tf.add_n([w for _, w in targets])
        return (1 - epsilon) * tf.add_n(losses) + epsilon * weights * even_cross_entropy(z)

    def movable(self, x: Any) -> list[tf.Tensor]:
        """Return the parts of the features that `adversary` moves; none where it is off."""
        if "fgsm" not in self._strengths:
            return []
        return [part for part in keras.tree.flatten(x) if part.dtype.is_floating]

    def adversary(self, x: Any, slopes: Sequence[tf.Tensor]) -> Any:
        """Return the rows moved to where they are harder, by the sign of the loss's gradient.

        The fast gradient sign method (Goodfellow et al. 2015, arXiv:1412.6572, sec. 4).

        Args:
            x: features.
            slopes: gradients of the loss for the parts that are `movable`.
        """
        moves = iter([self._strengths["fgsm"] * tf.sign(slope) for slope in slopes])
        return keras.tree.map_structure(
            lambda part: part + next(moves) if part.dtype.is_floating else part, x
        )


def _fold(seed: tf.Tensor, number: Any) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, number)


def _beta(alpha: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return a draw of Beta(alpha, alpha), as the share of one of two draws of Gamma(alpha).

    Where alpha is small the draws are too small for floats, so they are drawn as logarithms: those
    of Gamma(alpha + 1) U^(1 / alpha) (Marsaglia and Tsang 2000, sec. 6).
    """
    uniform = tf.random.stateless_uniform([2], _fold(seed, 4), minval=1e-30)
    draws = tf.math.log(tf.random.stateless_gamma([2], seed, alpha=alpha + 1))
    draws += tf.math.log(uniform) / alpha
    return tf.sigmoid(draws[0] - draws[1])


def _mixed(own: tf.Tensor, other: tf.Tensor, share: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    if own.dtype.is_floating:
        return share * own + (1 - share) * other
    uniform = tf.random.stateless_uniform(tf.shape(own), _fold(seed, 3))
    return tf.where(uniform < share, own, other)


def _cut(x: Any, partner: Any, seed: tf.Tensor) -> tuple[Any, tf.Tensor]:
    """Return rows with some columns their partners', the same of all rows; and the share kept."""
    share = tf.random.stateless_uniform([], seed)
    parts = keras.tree.flatten(x)
    kept = [
        tf.random.stateless_uniform(part.shape[1:], _fold(seed, i)) < share
        for i, part in enumerate(parts)
    ]
    cut = [
        tf.where(mask[None], own, other)
        for mask, own, other in zip(kept, parts, keras.tree.flatten(partner), strict=True)
    ]
    total = float(sum(part.shape[1:].num_elements() for part in parts))
    n_kept = tf.add_n([tf.reduce_sum(tf.cast(mask, tf.float32)) for mask in kept])
    return keras.tree.pack_sequence_as(x, cut), n_kept / total

"""Cross-entropy of logits, in nats a row.

b rows      K classes
y (b,)      0 or 1, or a class in [0, K), as floats
z (b,) or (b, K)   logits: one a row for two classes, one a class for more
"""

import tensorflow as tf


def by_row(logits: tf.Tensor) -> tf.Tensor:
    """Return one logit a row as (b,), and one a class as they are, (b, K)."""
    several = logits.shape.rank == 2 and logits.shape[1] > 1
    return logits if several else tf.reshape(logits, [-1])


def cross_entropy(y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    """Return the sigmoid's of logits (b,), or the softmax's of logits (b, K). (b,)."""
    if z.shape.rank == 1:
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=z)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(y, tf.int32), logits=z)


def even_cross_entropy(z: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy with labels that are spread evenly over all classes. (b,)."""
    if z.shape.rank == 1:
        return tf.nn.softplus(z) - z / 2
    return tf.reduce_logsumexp(z, axis=1) - tf.reduce_mean(z, axis=1)

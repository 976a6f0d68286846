"""TensorFlow loaded without its start-up chatter, for commands that a person watches.

Its C++ runtime writes to standard error before any log level applies, so the file descriptor itself
is put aside while it loads. The workers of a pool have no need of this: the pool keeps what they
say.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def load_tensorflow() -> None:
    """Import TensorFlow and Keras on the CPU; what they say is shown only if that fails."""
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever ~/.keras/keras.json prefers
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    with quietly():
        import keras
        import tensorflow as tf

        keras.ops.zeros(1)  # the devices are looked for at the first operation
        tf.get_logger().setLevel("ERROR")


@contextmanager
def quietly() -> Iterator[None]:
    """Within the block standard error is kept, and written only if the block fails."""
    sys.stderr.flush()
    aside = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            said.seek(0)
            os.write(aside, said.read())
            raise
        finally:
            os.dup2(aside, 2)
            os.close(aside)

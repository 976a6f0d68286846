"""How TensorFlow runs many small programs: its set-up and its executors.

Next: `engine.py` traces and runs an epoch.
"""

from contextlib import AbstractContextManager

import tensorflow as tf
from tensorflow.python.eager.context import function_executor_type

# Operations that wait for a function of theirs. On the single-threaded executor of a process with
# one thread they wait for ever: that thread is the one that should run the function.
WAITING = frozenset(
    ["Case", "If", "PartitionedCall", "StatefulPartitionedCall", "StatelessCase", "StatelessIf"]
)


def configure_process(threads: int) -> None:
    """Set TensorFlow up for many small programs. Call once, before anything else uses it.

    One thread makes results repeatable bit for bit. Grappler's rewrites cost a third of a small
    program's first epoch and give nothing back on graphs this size (measured, `.docs/log.md`).
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    tf.config.list_logical_devices()  # looks for the devices now, with all that TensorFlow says


def one_thread() -> AbstractContextManager[None]:
    """Trace and run what is called within the block on TensorFlow's single-threaded executor.

    Its general executor hands every operation to a queue; small graphs spend a quarter of their
    time and nearly half of their memory on that (`.docs/log.md`). There is no public name for it.
    """
    manager: AbstractContextManager[None] = function_executor_type("SINGLE_THREADED_EXECUTOR")
    return manager


def waits(graph: tf.Graph) -> bool:
    """Whether the graph, or a function it calls, has one of the operations in WAITING."""
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    return any(node.op in WAITING for node in nodes)

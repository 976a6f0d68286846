"""Which compiled programs are kept between trials.

A trace costs as much as a small trial, so programs are kept; a graph costs memory, so only so
many are. `objectives/engine.py` says what a program is.
"""

from collections import OrderedDict
from collections.abc import Hashable

import keras

from objectives.architecture import architecture_key
from objectives.engine import Program
from objectives.recipe import PLAIN, Recipe
from objectives.rows import Rows

MAX_PROGRAMS = 64  # a graph and its executor hold 9 MB beside the weights (.docs/log.md)
MAX_BYTES = 512 * 2**20  # of weights, optimizer states and best weights


class Programs:
    """A cache of programs that evicts the least recently used."""

    def __init__(self, *, max_programs: int = MAX_PROGRAMS, max_bytes: int = MAX_BYTES) -> None:
        self._kept: OrderedDict[Hashable, Program] = OrderedDict()
        self._max_programs = max_programs
        self._max_bytes = max_bytes

    def __len__(self) -> int:
        return len(self._kept)

    def program_for(
        self, model: keras.Model, optimizer: keras.Optimizer, rows: Rows, recipe: Recipe = PLAIN
    ) -> Program:
        """Return a program of this model's architecture, compiled already or to be compiled."""
        key = (architecture_key(model, optimizer), rows.signature, recipe.compiled)
        program = self._kept.get(key)
        if program is None:
            program = self._kept[key] = Program(model, optimizer, rows, recipe)
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and self._too_much():
            self._kept.popitem(last=False)
        return program

    def _too_much(self) -> bool:
        held = sum(program.bytes for program in self._kept.values())
        return len(self._kept) > self._max_programs or held > self._max_bytes

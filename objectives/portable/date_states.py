"""The grammar of `dates` as a table of states, for a model that can look up but not match.

Reading a date is a walk: character by character from state to state, `steps[state, kind]`. The
state says which field a digit belongs to, and which digit of the field it is: "minute 2". A test
holds the walk against the pattern in `dates`. Next: `portable_dates` walks inside the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]

# Longer cells are no dates: it bounds the walk. The longest that programs write has 36 characters.
LONGEST = 48
# Kinds of characters; all of a kind do the same.
_KINDS = {
    "digit": "0123456789",
    "space": " ",
    "blank": "\t\n\f\r",
    "minus": "-",
    "plus": "+",
    "slash": "/_",
    "dot": ".",
    "comma": ",",
    "colon": ":",
    "T": "T",
    "t": "t",
    "Z": "Zz",
    "U": "U",
    "C": "C",
}
CHARACTERS = "".join(_KINDS.values())  # the digits first
FIELDS = ("a", "b", "c", "hour", "minute", "second")


@dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """The tables of the walk, for s states and k kinds of characters; state 0 is its start.

    Attributes:
        kinds: kind of each code of a character: code 0 is the end of the text, 1 any character of
            no date, i + 2 the character CHARACTERS[i].
        steps: (s, k) the next state.
        accepted: (s,) 1 where the text may end, else 0.
        weights: (s, 6) what a digit met there counts in each of FIELDS: 1000, 100, 10 or 1, as if
            the field had four digits; 0 in other fields.
        fraction: (s,) float32, what it counts in the fraction of a second: 0.1, 0.01 ...
    """

    kinds: Int32
    steps: Int32
    accepted: Int32
    weights: Int32
    fraction: npt.NDArray[np.float32]


def make_walk() -> Walk:
    """Return the tables of the grammar in `dates`."""
    edges, accepting = _grammar()
    states = dict.fromkeys(
        ["start", *edges, *(to for out in edges.values() for to in out.values())]
    )
    place = {state: i for i, state in enumerate([*states, "never"])}
    kind = {name: i + 2 for i, name in enumerate(_KINDS)}
    steps = np.full((len(place), len(kind) + 2), place["never"], dtype=np.int32)
    steps[:, 0] = np.arange(len(place))  # the text has ended: stay
    for state, out in edges.items():
        for name, to in out.items():
            steps[place[state], kind[name]] = place[to]
    weights = np.zeros((len(place), len(FIELDS)), dtype=np.int32)
    fraction = np.zeros(len(place), dtype=np.float32)
    for state, i in place.items():
        of, _, digit = state.partition(" ")
        if of in FIELDS:
            weights[i, FIELDS.index(of)] = 10 ** (4 - int(digit))
        elif of == "fraction" and int(digit) <= 9:
            fraction[i] = 10.0 ** -int(digit)
    kinds = [kind[name] for name, characters in _KINDS.items() for _ in characters]
    return Walk(
        kinds=np.array([0, 1, *kinds], dtype=np.int32),
        steps=steps,
        accepted=np.array([state in accepting for state in place], dtype=np.int32),
        weights=weights,
        fraction=fraction,
    )


def _grammar() -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return state -> kind -> next state, and the states in which a date may end."""
    edges = _Edges()
    blanks, separators = "space blank", "space minus slash dot"
    edges.add(["start"], blanks, "start")
    a = edges.number("a", 4, ["start"])
    edges.add(a, separators, "ab")
    edges.add(["ab"], separators, "ab again")
    b = edges.number("b", 2, ["ab", "ab again"])
    edges.add(b, separators, "bc")
    edges.add(["bc"], separators, "bc again")
    c = edges.number("c", 4, ["bc", "bc again"])
    edges.add([*c, "spaces"], "space", "spaces")
    edges.add([*c, "spaces"], "blank", "end")
    edges.add(["end"], blanks, "end")
    edges.add(c, "T t", "T")
    hour = edges.number("hour", 2, ["T", "spaces"])
    edges.add(hour, "colon", "hour:")
    minute = edges.number("minute", 2, ["hour:"])
    edges.add(minute, "colon", "minute:")
    second = edges.number("second", 2, ["minute:"])
    edges.add(second, "dot comma", "second.")
    fraction = edges.number("fraction", 10, ["second."])
    edges.add(fraction[-1:], "digit", fraction[-1])  # digits that count no more
    clock = [*minute, *second, *fraction, "clock"]
    edges.add(clock, blanks, "clock")
    edges.add(clock, "Z", "end")
    edges.add(clock, "U", "U")
    edges.add(["U"], "T", "UT")
    edges.add(["UT"], "C", "end")
    edges.add(clock, "plus minus", "zone")
    zone = edges.number("zone", 4, ["zone", "zone:"])
    edges.add(zone[1:2], "colon", "zone:")
    edges.out["zone:"] = {"digit": zone[2]}
    edges.add(zone[1::2], blanks, "end")
    return edges.out, [*c, "spaces", "end", *clock, *zone[1::2]]


@dataclass(frozen=True, kw_only=True)
class _Edges:
    """The edges of the grammar as they are drawn."""

    out: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, states: Sequence[str], kinds: str, to: str) -> None:
        """From each state, each kind of character leads to the state `to`."""
        for state in states:
            self.out.setdefault(state, {}).update(dict.fromkeys(kinds.split(), to))

    def number(self, name: str, most: int, before: Sequence[str]) -> list[str]:
        """Draw a number of one to `most` digits after the states before it; return its states."""
        states = [f"{name} {i + 1}" for i in range(most)]
        self.add(before, "digit", states[0])
        for state, following in pairwise(states):
            self.add([state], "digit", following)
        return states

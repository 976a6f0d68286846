"""Dealing groups of rows into parts, whole, each part with its share of every class.

    U  groups          u_c  rows of class c in the group at hand
    P  parts           h_pc rows of class c that part p has so far
    K  classes         t_pc rows of class c that part p should have: its share of all n_c

Large groups are dealt first, each to the part for which the sum over p and c of
((h_pc - t_pc) / n_c)^2 grows least, that is with the least sum over c of u_c (h_pc - t_pc) / n_c^2.
Groups with the same number of rows of each class are interchangeable and dealt by the heap, to each
part as many as its gaps t_pc - h_pc ask for, so that a million groups take no longer than the few
kinds of them. scikit-learn's
StratifiedGroupKFold looks at every group in turn, which takes minutes there, and its shares are
all equal. Random numbers come from RandomState, whose stream never changes: a resumed study must
find the same rows in the same parts.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]


def deal(
    y: Codes, groups: Codes, shares: Sequence[float], *, needs: Sequence[int], seed: int
) -> Codes:
    """Return the part of each row, (n_rows,) int64 in [0, P).

    Args:
        y: (n_rows,) class of each row, in [0, K).
        groups: (n_rows,) group of each row, in [0, U), each in use.
        shares: (P,) share of the rows that each part should have; their sum is 1.
        needs: (P,) groups of each class that each part must have at least. They are given where
            that can be; who deals looks whether it could.
        seed: in [0, 2**32).
    """
    random = np.random.RandomState(seed)
    kinds, counts = _kinds(y, groups)
    shuffled = np.lexsort((random.permutation(len(kinds)), kinds))  # group numbers, kind by kind
    ends = np.cumsum(np.bincount(kinds))
    # Large ones first, but in another order for each seed among those of about one size.
    octaves = np.floor(np.log2(counts.sum(axis=1)))
    hands = _Hands(counts, np.bincount(kinds), np.array(shares), np.array(needs))
    part_of_group = np.empty(len(kinds), dtype=np.int64)
    for kind in np.lexsort((random.permutation(len(counts)), -octaves)):
        members = shuffled[(ends[kind - 1] if kind else 0) : ends[kind]]
        part_of_group[members] = np.repeat(
            np.arange(len(shares)), hands.take(counts[kind], len(members))
        )
    return part_of_group[groups]


def _kinds(y: Codes, groups: Codes) -> tuple[Codes, Codes]:
    """Return the kind of each group (U,), and the rows of each class in a group of it (kinds, K).

    Groups are of one kind when they agree in all K numbers. They are compared by the sum of a
    random 64-bit number for each row's class, so that no (U, K) matrix is needed.
    """
    n_classes = int(y.max()) + 1
    marks = np.random.RandomState(0).randint(0, 2**63, n_classes, dtype=np.uint64)
    sums = np.zeros(int(groups.max()) + 1, dtype=np.uint64)
    np.add.at(sums, groups, marks[y])
    _, example, kinds = np.unique(sums, return_index=True, return_inverse=True)
    kind_of_example = np.full(len(sums), -1, dtype=np.int64)
    kind_of_example[example] = np.arange(len(example))
    of_row = kind_of_example[groups]
    seen = of_row >= 0
    counts = np.bincount(of_row[seen] * n_classes + y[seen], minlength=len(example) * n_classes)
    return kinds, counts.reshape(len(example), n_classes)


class _Hands:
    """What each part has so far; see the module for the symbols."""

    def __init__(
        self, counts: Codes, members: Codes, shares: npt.NDArray[np.float64], needs: Codes
    ) -> None:
        totals = members @ counts
        self._totals = totals
        self._weights = (totals.sum() / totals) ** 2  # (K,) 1 / n_c^2, but of a size to round
        self._over = -np.outer(shares, totals)  # (P, K) h - t
        self._lacks = np.repeat(needs[:, None], counts.shape[1], axis=1)  # (P, K) groups
        self._left = members @ (counts > 0)  # (K,) groups still to be dealt
        self._wanting = True  # whether some part may still lack a class
        self._kept_back = int(needs.sum())

    def take(self, rows: Codes, members: int) -> Codes:
        """Deal `members` groups with (K,) `rows` of each class; return how many each part got."""
        # What is dealt by the heap must leave enough to give each part what it needs.
        heap = np.zeros(len(self._over), dtype=np.int64)
        if members > self._kept_back:
            heap = self._heap(rows, members - self._kept_back)
            for part, groups in enumerate(heap.tolist()):
                self._give(part, rows, groups)
        for _ in range(members - int(heap.sum())):
            part = self._neediest(rows)
            self._give(part, rows, 1)
            heap[part] += 1
        return heap

    def _heap(self, rows: Codes, members: int) -> Codes:
        """Return how many of the groups each part gets in proportion to its gaps, rounded down."""
        held = rows > 0
        gaps = np.maximum(-self._over[:, held], 0)
        pull = (gaps / gaps.sum(axis=0)) @ (rows / self._totals)[held]
        dealt: Codes = np.floor(np.round(members * pull / pull.sum(), 6)).astype(np.int64)
        return dealt

    def _give(self, part: int, rows: Codes, groups: int) -> None:
        self._over[part] += groups * rows
        if self._wanting:
            self._lacks[part] -= groups * (rows > 0)
            self._left -= groups * (rows > 0)

    def _neediest(self, rows: Codes) -> int:
        # Rounded, so that processors that add in another order still agree on a tie.
        grows = np.round(self._over @ (rows * self._weights), 3)
        if self._wanting:
            lacks = np.maximum(self._lacks, 0)
            last_call = (rows > 0) & (lacks.sum(axis=0) >= self._left)
            if last_call.any():
                served = np.count_nonzero(lacks[:, last_call], axis=1)
                grows[served < served.max()] = np.inf
            self._wanting = bool(lacks.any())
        return int(np.argmin(grows))

"""How hard a Sudoku is for a person: the hardest technique that it needs, the easiest ones being used first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from hrm_model.tasks.sudoku.grid import Variant
from hrm_model.tasks.sudoku.solver import candidates, to_bits

LEVELS = ("given", "naked single", "hidden single", "locked candidates", "naked pair", "hidden pair", "naked triple", "search")


@dataclass(frozen=True)
class Rating:
    name: str  # the hardest technique needed, one of LEVELS
    level: int  # its index there: 0 for a full board, 7 for search
    counts: dict[str, int]  # how often each technique moved something


class Board:
    """Candidates of each cell as sets of digits, and the digits placed."""

    def __init__(self, grid: ArrayLike, variant: Variant) -> None:
        bits = to_bits(np.asarray(grid)[None], variant)
        free = candidates(bits, variant)[:, 0].tolist()
        self.peers = variant.peers.tolist()
        self.units = variant.units.tolist()
        self.side = variant.side
        self.options = [{d for d in range(1, variant.side + 1) if f >> (d - 1) & 1} for f in free]
        self.blank = {c for c in range(variant.cells) if not bits[c, 0]}

    def place(self, cell: int, digit: int) -> None:
        self.blank.discard(cell)
        self.options[cell] = set()
        for peer in self.peers[cell]:
            self.options[peer].discard(digit)

    def strike(self, cells: list[int], digits: set[int]) -> bool:
        """Take candidates away; whether any was there."""
        moved = False
        for cell in cells:
            moved |= bool(self.options[cell] & digits)
            self.options[cell] -= digits
        return moved

    def homes(self, unit: list[int], digit: int) -> list[int]:
        return [c for c in unit if digit in self.options[c]]


def _naked_single(b: Board) -> bool:
    for cell in sorted(b.blank):
        if len(b.options[cell]) == 1:
            b.place(cell, next(iter(b.options[cell])))
            return True
    return False


def _hidden_single(b: Board) -> bool:
    for unit in b.units:
        for digit in range(1, b.side + 1):
            homes = b.homes(unit, digit)
            if len(homes) == 1:
                b.place(homes[0], digit)
                return True
    return False


def _locked(b: Board) -> bool:
    """All places of a digit in one unit lie in a second one too: nowhere else in the second."""
    for unit in b.units:
        for digit in range(1, b.side + 1):
            homes = b.homes(unit, digit)
            if len(homes) < 2:
                continue
            for other in b.units:
                if other is not unit and set(homes) <= set(other) and b.strike([c for c in other if c not in homes], {digit}):
                    return True
    return False


def _naked(b: Board, size: int) -> bool:
    for unit in b.units:
        small = [c for c in unit if 2 <= len(b.options[c]) <= size]
        for group in combinations(small, size):
            digits = set().union(*(b.options[c] for c in group))
            if len(digits) == size and b.strike([c for c in unit if c not in group], digits):
                return True
    return False


def _hidden_pair(b: Board) -> bool:
    for unit in b.units:
        twice = {d: tuple(h) for d in range(1, b.side + 1) if len(h := b.homes(unit, d)) == 2}
        for first, second in combinations(twice, 2):
            if twice[first] == twice[second]:
                rest = set(range(1, b.side + 1)) - {first, second}
                if b.strike(list(twice[first]), rest):
                    return True
    return False


TECHNIQUES = {
    "naked single": _naked_single,
    "hidden single": _hidden_single,
    "locked candidates": _locked,
    "naked pair": lambda b: _naked(b, 2),
    "hidden pair": _hidden_pair,
    "naked triple": lambda b: _naked(b, 3),
}


def rate(grid: ArrayLike, variant: Variant) -> Rating:
    """The techniques that a puzzle with one solution needs. 'search' if the techniques here do not finish it."""
    board, counts = Board(grid, variant), Counter[str]()
    while board.blank:
        name = next((name for name, step in TECHNIQUES.items() if step(board)), None)
        if name is None:
            counts["search"] += 1
            break
        counts[name] += 1
    level = max((LEVELS.index(name) for name in counts), default=0)
    return Rating(LEVELS[level], level, dict(counts))

"""A Sudoku made harder and easier one clue at a time, always with the same one solution; and puzzles of a wanted rating."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Grid, Grids
from hrm_model.tasks.sudoku.generator import default_clues, generate
from hrm_model.tasks.sudoku.grid import Variant
from hrm_model.tasks.sudoku.rating import LEVELS, rate
from hrm_model.tasks.sudoku.solver import has_one_solution

_BATCH = 16
_MOST_TRIED = 60  # boards looked at to find out whether a clue of a large board can be taken away; it stays if that is not found out
_TRIES = 4000  # puzzles after which a rating counts as impossible

# Levels of rating.LEVELS that are found soon among random puzzles of a side's length.
_LEVELS_THERE = {4: (1,), 6: (1, 2, 3, 7), 8: (1, 2, 3, 7), 9: (1, 2, 3, 4, 5, 6, 7), 10: (1, 2, 3, 7)}


def levels_there(variant: Variant) -> tuple[int, ...]:
    """Levels of rating.LEVELS that `generate_rated` finds soon for a size; none for large boards."""
    return _LEVELS_THERE.get(variant.side, (1, 2) if variant.side < 20 else ())


def ladder(grid: Grid, solution: Grid, variant: Variant, rng: np.random.Generator) -> tuple[Grids, int]:
    """Puzzles (K, cells), each with one clue more than the one before, from minimal to full, and the place of `grid` among them.

    `grid` must have `solution` as its only one, or nothing is taken away from it. The same rng gives the same ladder.
    """
    easier: list[Grid] = [grid]
    for cell in rng.permutation(np.flatnonzero(grid == 0)):
        filled = easier[-1].copy()
        filled[cell] = solution[cell]
        easier.append(filled)
    harder: list[Grid] = []
    bare = grid
    for cell in rng.permutation(np.flatnonzero(grid > 0)):
        tried = bare.copy()
        tried[cell] = 0
        if has_one_solution(tried, variant, _MOST_TRIED if variant.side > 9 else None):
            bare = tried
            harder.append(bare)
    return np.stack(harder[::-1] + easier), len(harder)


def generate_rated(variant: Variant, level: int, rng: np.random.Generator) -> Iterator[Grid | None]:
    """Makes puzzles until one needs just the technique LEVELS[level]; that one comes last, None between attempts.

    PuzzleError if none was found in many attempts.
    """
    made = 0
    while made < _TRIES:
        # Minimal puzzles are the hard ones; those with more clues need less.
        clues = None if level > 2 else default_clues(variant) + int(rng.integers(0, 3))
        puzzles, _ = generate(variant, _BATCH, clues, rng)
        made += len(puzzles)
        found = next((puzzle for puzzle in puzzles if rate(puzzle, variant).level == level), None)
        yield found
        if found is not None:
            return
    raise PuzzleError(f"No {variant.title} Sudoku that needs a {LEVELS[level]} was found among {made:,}; choose another rating.")

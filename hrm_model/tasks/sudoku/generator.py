"""Sudoku puzzles with one solution, made by the hundred: full boards, from which clues are taken while the solution stays the only one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.sudoku.grid import Variant
from hrm_model.tasks.sudoku.solver import IMPOSSIBLE, SOLVED, Bits, candidates, digits_of, propagate, search, to_bits, to_digits

Grids = NDArray[np.int8]

_BATCH = 512  # boards worked on together; arrays of this size stay in cache
_MOST_TRIED = 300  # boards looked at to find out whether a clue of a large board can be taken away
_PATIENCE = 60  # batches without one puzzle after which a clue count counts as impossible


# Clue counts by side: one of middling difficulty, and the fewest that are found soon.
_CLUES = {4: (6, 4), 6: (14, 9), 8: (28, 19), 9: (32, 24), 10: (44, 35), 12: (69, 54), 15: (110, 94), 16: (126, 110), 25: (375, 340)}


def default_clues(variant: Variant) -> int:
    """A clue count of middling difficulty."""
    return _CLUES.get(variant.side, (round(0.45 * variant.cells), 0))[0]


def fewest_clues(variant: Variant) -> int:
    """With fewer clues, finding a puzzle may take long."""
    return _CLUES.get(variant.side, (0, round(0.38 * variant.cells)))[1]


def random_solutions(variant: Variant, count: int, rng: np.random.Generator) -> Grids:
    """(count, cells) full boards: random digits in the most constrained cells, singles filled in, dead ends started over."""
    done: list[Grids] = []
    missing = count
    while missing > 0:
        boards = to_bits(np.zeros((min(_BATCH, max(16, 2 * missing)), variant.cells)), variant)
        while boards.shape[1]:
            boards, status, free = propagate(boards, variant)
            done.append(to_digits(boards[:, status == SOLVED]))
            going = (status != SOLVED) & (status != IMPOSSIBLE)
            boards, free = boards[:, going], free[:, going]
            _guess(boards, free, variant, rng)
        missing = count - sum(len(d) for d in done)
    return np.concatenate(done)[:count]


def _guess(boards: Bits, free: Bits, variant: Variant, rng: np.random.Generator) -> None:
    """Put a random candidate into one of each board's most constrained cells."""
    index = np.arange(boards.shape[1])
    digits = digits_of(free, variant)
    count = digits.sum(axis=0)
    cell = (np.where(count > 0, count, 99) + rng.random(count.shape, np.float32)).argmin(axis=0)
    options = digits[:, cell, index]
    digit = (options * (rng.random(options.shape, np.float32) + 0.001)).argmax(axis=0)
    boards[cell, index] = (1 << digit).astype(boards.dtype)


def generate(variant: Variant, count: int, clues: int | None, rng: np.random.Generator) -> tuple[Grids, Grids]:
    """Puzzles and their solutions, each (count, cells). `clues` given digits each; None: minimal, so that no clue can be taken away.

    Of boards larger than 9×9, a clue also stays if it is not found out soon whether it can be taken away.

    PuzzleError if no puzzle can have so few or so many clues, or none was found in many attempts.
    """
    if clues is not None and not 0 < clues <= variant.cells:
        raise PuzzleError(f"{clues} clues: a {variant.title} Sudoku has 1 to {variant.cells}")
    puzzles: list[Grids] = []
    solutions: list[Grids] = []
    have = tries = 0
    while have < count:
        full = random_solutions(variant, min(_BATCH, max(8 if variant.side <= 16 else 1, round(1.3 * (count - have)))), rng)
        dug = without_clues(full, variant, clues, rng)
        if clues is not None:
            met = (dug > 0).sum(axis=1) == clues
            dug, full = dug[met], full[met]
        tries = 0 if len(dug) else tries + 1
        if tries == _PATIENCE:
            raise PuzzleError(
                f"no {variant.title} puzzle with {clues} clues was found in {_PATIENCE * _BATCH} attempts; ask for more clues"
            )
        puzzles.append(dug)
        solutions.append(full)
        have += len(dug)
    return np.concatenate(puzzles)[:count], np.concatenate(solutions)[:count]


def without_clues(puzzles: Grids, variant: Variant, clues: int | None, rng: np.random.Generator) -> Grids:
    """Take clues away in random order wherever the solution stays the only one, down to `clues` (or as far as it goes)."""
    boards = to_bits(puzzles, variant)
    count = boards.shape[1]
    order = (rng.random((variant.cells, count)) + 2 * (boards == 0)).argsort(axis=0)  # clues first
    left = (boards > 0).sum(axis=0)
    for turn, cells in enumerate(order):
        more = turn < (puzzles > 0).sum(axis=1)
        active = np.flatnonzero(more & (left > clues) if clues is not None else more)
        if not len(active):
            break
        cell, own = cells[active], boards[cells[active], active]
        trial = boards[:, active]
        index = np.arange(len(active))
        trial[cell, index] = 0
        free = candidates(trial, variant)
        removable = free[cell, index] == own
        for unit in variant.units_of[cell].T:
            others = free[variant.units[unit].T, index]  # (side, M) candidates of the unit's cells, this one among them
            elsewhere = ((others & own) > 0).sum(axis=0) > 1
            removable |= ~elsewhere
        unsure = np.flatnonzero(~removable)
        if len(unsure):
            removable[unsure] = ~_may_have_another(trial[:, unsure], cell[unsure], own[unsure], free[:, unsure], variant)
        taken = active[removable]
        boards[cells[taken], taken] = 0
        left[taken] -= 1
    return to_digits(boards)


def _may_have_another(boards: Bits, cell: NDArray[np.intp], own: Bits, free: Bits, variant: Variant) -> NDArray[np.bool_]:
    """(M,) whether a board has a solution with another digit than `own` in `cell`, or it was not found out."""
    options = free[cell, np.arange(len(cell))] & ~own
    digit, board = np.nonzero(digits_of(options, variant))
    trials = boards[:, board]
    trials[cell[board], np.arange(len(board))] = (1 << digit).astype(boards.dtype)
    found, ended = np.zeros(len(cell), bool), set[int]()
    for owner, _ in search(trials, board, variant, most=_MOST_TRIED if variant.side > 9 else 0, ended=ended):
        found[owner] = True
    found[sorted(ended)] = True
    return found

"""The symmetry group of Sudoku, and easier copies: how one puzzle becomes many. All of it works on (N, cells) boards at once."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from hrm_model.tasks.sudoku.grid import Variant

Grids = NDArray[np.int8]


def random_order(count: int, groups: int, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """(count, groups · size) lines permuted within their groups, and the groups themselves."""
    outer = rng.random((count, groups)).argsort(axis=1)
    inner = rng.random((count, groups, size)).argsort(axis=2)
    return (outer[:, :, None] * size + inner).reshape(count, groups * size)


def augment(puzzles: Grids, solutions: Grids, variant: Variant, rng: np.random.Generator) -> tuple[Grids, Grids]:
    """A random element of the symmetry group for each row: digits, rows in bands, bands, columns in stacks, stacks, transpose.

    Of a jigsaw only the digits: its map has few symmetries or none.
    """
    count, side = len(puzzles), variant.side
    cells = np.broadcast_to(np.arange(variant.cells), puzzles.shape) if variant.regions else _random_places(count, variant, rng)
    digits = np.zeros((count, side + 1), np.int8)
    digits[:, 1:] = rng.random((count, side)).argsort(axis=1) + 1

    def moved(grids: Grids) -> Grids:
        return np.take_along_axis(digits, np.take_along_axis(grids, cells, axis=1).astype(np.intp), axis=1)

    return moved(puzzles), moved(solutions)


def _random_places(count: int, variant: Variant, rng: np.random.Generator) -> NDArray[np.intp]:
    """(count, cells) the old cell of each new one."""
    side = variant.side
    rows = random_order(count, side // variant.box_height, variant.box_height, rng)
    columns = random_order(count, side // variant.box_width, variant.box_width, rng)
    cells = rows[:, :, None] * side + columns[:, None, :]
    if variant.box_height == variant.box_width:
        turned = rng.random(count) < 0.5
        cells = np.where(turned[:, None, None], cells.transpose(0, 2, 1), cells)
    return cells.reshape(count, variant.cells)


def fill_blanks(puzzles: Grids, solutions: Grids, rng: np.random.Generator, probability: float = 1.0) -> Grids:
    """Easier copies: with this chance, a puzzle gets a random number (0 to all but one) of its blanks filled in."""
    blank = puzzles == 0
    blanks = blank.sum(axis=1)
    filled = (rng.random(len(puzzles)) * blanks).astype(np.intp) * (rng.random(len(puzzles)) < probability)
    rank = np.where(blank, rng.random(puzzles.shape), 2.0).argsort(axis=1).argsort(axis=1)
    return np.where(blank & (rank < filled[:, None]), solutions, puzzles)


@cache
def _cell_orders_4() -> NDArray[np.intp]:
    """(128, 16) every way to move the cells of a 4×4 board that keeps the rules."""
    lines = [(a, b, *rest) for pair in ((0, 1), (2, 3)) for a, b in permutations(pair) for rest in permutations({0, 1, 2, 3} - {a, b})]
    orders = [np.add.outer(np.array(rows) * 4, np.array(columns)) for rows in lines for columns in lines]
    return np.stack([o.ravel() for order in orders for o in (order, order.T)])


def symmetry_codes_4(puzzles: Grids) -> NDArray[np.int64]:
    """(N, 16) 4×4 puzzles → (N,) a number that symmetric puzzles share and others do not.

    It is the smallest base-5 reading over all moves of the cells, digits numbered in order of appearance.
    """
    orders = _cell_orders_4()
    powers = 5 ** np.arange(15, -1, -1, dtype=np.int64)
    codes = np.empty(len(puzzles), np.int64)
    for start in range(0, len(puzzles), 256):
        moved = puzzles[start : start + 256][:, orders]  # (n, 128, 16)
        first = np.stack([np.where((moved == d).any(-1), (moved == d).argmax(-1), 16 + d) for d in range(1, 5)], axis=-1)
        name = np.zeros((*moved.shape[:2], 5), np.int64)
        name[..., 1:] = first.argsort(-1).argsort(-1) + 1
        codes[start : start + 256] = (np.take_along_axis(name, moved.astype(np.intp), axis=-1) @ powers).min(axis=1)
    return codes

"""Sudoku of 4×4, 6×6 and 9×9: text ↔ grid ↔ tokens, and the rules.

A grid is an int8 array of its cells row by row, 0 for a blank. Tokens are digit + 1; token 0 is padding, which no cell holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Grid as Grid


@dataclass(frozen=True)
class Variant:
    """A size of Sudoku: `side` digits, boxes of box_height rows × box_width columns."""

    side: int
    box_height: int
    box_width: int

    @property
    def cells(self) -> int:
        return self.side * self.side

    @property
    def vocab_size(self) -> int:
        """Tokens: padding, blank, and one a digit."""
        return self.side + 2

    @property
    def task(self) -> str:
        return f"sudoku-{self.side}x{self.side}"

    @cached_property
    def box_of(self) -> NDArray[np.intp]:
        """(cells,) index of each cell's box."""
        row, column = np.divmod(np.arange(self.cells), self.side)
        return row // self.box_height * (self.side // self.box_width) + column // self.box_width

    @cached_property
    def units(self) -> NDArray[np.intp]:
        """(3 · side, side) cells of each row, then each column, then each box."""
        grid = np.arange(self.cells).reshape(self.side, self.side)
        boxes = np.argsort(self.box_of, kind="stable").reshape(self.side, self.side)
        return np.concatenate([grid, grid.T, boxes])

    @cached_property
    def units_of(self) -> NDArray[np.intp]:
        """(cells, 3) row, column and box of each cell, as indices into `units`."""
        row, column = np.divmod(np.arange(self.cells), self.side)
        return np.stack([row, self.side + column, 2 * self.side + self.box_of], axis=1)

    @cached_property
    def peers(self) -> NDArray[np.intp]:
        """(cells, P) the other cells of each cell's units."""
        own = [np.setdiff1d(self.units[self.units_of[c]].ravel(), [c]) for c in range(self.cells)]
        return np.stack(own)


SUDOKU_4 = Variant(4, 2, 2)
SUDOKU_6 = Variant(6, 2, 3)
SUDOKU_9 = Variant(9, 3, 3)
VARIANTS = (SUDOKU_4, SUDOKU_6, SUDOKU_9)
_SIZES = "16 (4×4), 36 (6×6) or 81 (9×9)"


def variant_of_task(task: str) -> Variant:
    """'sudoku-9x9' → its Variant. PuzzleError for another task."""
    for variant in VARIANTS:
        if variant.task == task:
            return variant
    raise PuzzleError(f"{task!r} is not a Sudoku. The Sudokus are {', '.join(v.task for v in VARIANTS)}")


def variant_of_cells(cells: int) -> Variant:
    """The Variant with this number of cells. PuzzleError for any other number."""
    for variant in VARIANTS:
        if variant.cells == cells:
            return variant
    raise PuzzleError(f"The puzzle has {cells} cells; a Sudoku has {_SIZES}.")


def format_line(grid: ArrayLike, blank: str = ".") -> str:
    """The cells as one line."""
    return "".join(str(d) if d else blank for d in np.asarray(grid).tolist())


def format_grid(grid: ArrayLike, variant: Variant, blank: str = ".") -> str:
    """The cells as rows, with | and - between boxes."""
    line = format_line(grid, blank)
    rows = []
    for row in range(variant.side):
        digits = line[row * variant.side : (row + 1) * variant.side]
        boxes = [" ".join(digits[c : c + variant.box_width]) for c in range(0, variant.side, variant.box_width)]
        if row and row % variant.box_height == 0:
            rows.append("-+-".join("-" * len(box) for box in boxes))
        rows.append(" | ".join(boxes))
    return "\n".join(rows)


def to_tokens(grid: ArrayLike) -> NDArray[np.int64]:
    """Digits → tokens (digit + 1)."""
    return np.asarray(grid).astype(np.int64) + 1


def from_tokens(tokens: ArrayLike) -> Grid:
    """Tokens → digits; padding counts as blank."""
    return np.maximum(np.asarray(tokens).astype(np.int64) - 1, 0).astype(np.int8)


def cell_name(cell: int, variant: Variant) -> str:
    """'row 3, column 7', counted from 1."""
    row, column = divmod(cell, variant.side)
    return f"row {row + 1}, column {column + 1}"


def conflicts(grid: ArrayLike, variant: Variant) -> NDArray[np.bool_]:
    """(cells,) whether a cell's digit appears again in its row, column or box."""
    digits = np.asarray(grid)
    return (digits > 0) & (digits[variant.peers] == digits[:, None]).any(axis=1)


def violations_batch(grids: ArrayLike, variant: Variant) -> NDArray[np.intp]:
    """(N, cells) → (N,): Σ over rows, columns, boxes and digits of max(0, count − 1), blanks ignored (arXiv 2601.10679)."""
    bits = _bits_in_units(grids, variant)
    # Of a unit's filled cells, those that are more than its different digits are too many.
    return np.asarray((bits > 0).sum(axis=(0, 1)) - _ONES[np.bitwise_or.reduce(bits, axis=1)].sum(axis=0, dtype=np.intp))


def repeats(grids: ArrayLike, variant: Variant) -> NDArray[np.bool_]:
    """(N, cells) → (N,) whether a unit holds a digit twice; much quicker than counting how often."""
    bits = _bits_in_units(grids, variant)
    # A digit that stands twice makes the sum of a unit's bits larger than their union.
    return np.asarray((bits.sum(axis=1, dtype=np.uint16) != np.bitwise_or.reduce(bits, axis=1)).any(axis=0))


_ONES = np.array([number.bit_count() for number in range(1 << 9)], np.uint8)  # by a set of digits, how many they are


def _bits_in_units(grids: ArrayLike, variant: Variant) -> NDArray[np.uint16]:
    """(N, cells) → (units, side, N): a bit for the digit in each cell of each unit, 0 for a blank."""
    digits = np.ascontiguousarray(np.asarray(grids).T).astype(np.int16)
    return np.where(digits > 0, np.left_shift(1, np.maximum(digits - 1, 0)), 0).astype(np.uint16)[variant.units]


def violations(grid: ArrayLike, variant: Variant) -> int:
    """`violations_batch` of one grid."""
    return int(violations_batch(np.asarray(grid)[None], variant)[0])


def check_puzzle(grid: ArrayLike, variant: Variant) -> None:
    """PuzzleError, which names the two cells, if a unit holds a digit twice."""
    digits = np.asarray(grid)
    for cell in np.flatnonzero(conflicts(digits, variant)).tolist():
        other = next(p for p in variant.peers[cell].tolist() if digits[p] == digits[cell])
        shared = next(i for i in range(3) if variant.units_of[cell, i] == variant.units_of[other, i])
        unit = ("row", "column", "box")[shared]
        raise PuzzleError(
            f"{digits[cell]} appears twice in one {unit}: at {cell_name(cell, variant)} and at {cell_name(other, variant)}.", other
        )


def is_solution(grid: ArrayLike, given: ArrayLike, variant: Variant) -> bool:
    """Whether a grid is full, keeps the rules, and keeps what was given."""
    digits, clues = np.asarray(grid), np.asarray(given)
    return bool((digits > 0).all() and violations(digits, variant) == 0 and (digits == clues)[clues > 0].all())

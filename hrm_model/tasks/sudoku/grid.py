"""Sudoku of every size from 4×4 to 25×25, and jigsaws: text ↔ grid ↔ tokens, and the rules.

A grid is an int8 array of its cells row by row, 0 for a blank. Tokens are digit + 1; token 0 is padding, which no cell holds.
As text, digits above 9 are letters: A is 10, P is 25.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Grid as Grid
from hrm_model.tasks.base import Walls

SYMBOLS = ".123456789ABCDEFGHIJKLMNOP"
LARGEST = len(SYMBOLS) - 1
_REGIONS = "ABCDEFGHIJKLMNOPQRSTUVWXY"


@dataclass(frozen=True)
class Variant:
    """A size of Sudoku: `side` digits, boxes of box_height rows × box_width columns. Or a jigsaw: `regions` in place of boxes (`jigsaw` makes one)."""

    side: int
    box_height: int = 0
    box_width: int = 0
    regions: tuple[int, ...] = ()  # of a jigsaw: the region of each cell, numbered from 0 in reading order

    @property
    def cells(self) -> int:
        return self.side * self.side

    @property
    def vocab_size(self) -> int:
        """Tokens: padding, blank, and one a digit."""
        return self.side + 2

    @property
    def task(self) -> str:
        """'sudoku-9x9'; of a jigsaw with the letter of each cell's region behind it."""
        return f"sudoku-{self.side}x{self.side}" + (f"-{self.region_line}" if self.regions else "")

    @property
    def title(self) -> str:
        """'9×9' or '9×9 jigsaw'."""
        return f"{self.side}×{self.side}" + (" jigsaw" if self.regions else "")

    @property
    def box_word(self) -> str:
        """What people call a box of this Sudoku."""
        return "region" if self.regions else "box"

    @property
    def region_line(self) -> str:
        """A letter for each cell: which box it belongs to."""
        return "".join(_REGIONS[box] for box in self.box_of.tolist())

    @cached_property
    def box_of(self) -> NDArray[np.intp]:
        """(cells,) index of each cell's box."""
        if self.regions:
            return np.array(self.regions, np.intp)
        row, column = np.divmod(np.arange(self.cells), self.side)
        return row // self.box_height * (self.side // self.box_width) + column // self.box_width

    @cached_property
    def walls(self) -> Walls:
        """Where another box begins: (side, side) whether it does right of a cell, and below it. True along the edges."""
        box = np.pad(self.box_of.reshape(self.side, self.side), ((0, 1), (0, 1)), constant_values=-1)
        return box[:-1, :-1] != box[:-1, 1:], box[:-1, :-1] != box[1:, :-1]

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
        """(cells, P) the other cells of each cell's units. In a jigsaw some cells have fewer: the first is repeated then."""
        own = [np.setdiff1d(self.units[self.units_of[c]].ravel(), [c]) for c in range(self.cells)]
        most = max(map(len, own))
        return np.stack([np.concatenate([peers, np.repeat(peers[:1], most - len(peers))]) for peers in own])


SUDOKU_4 = Variant(4, 2, 2)
SUDOKU_6 = Variant(6, 2, 3)
SUDOKU_8 = Variant(8, 2, 4)
SUDOKU_9 = Variant(9, 3, 3)
SUDOKU_10 = Variant(10, 2, 5)
SUDOKU_12 = Variant(12, 3, 4)
SUDOKU_15 = Variant(15, 3, 5)
SUDOKU_16 = Variant(16, 4, 4)
SUDOKU_25 = Variant(25, 5, 5)
VARIANTS = (SUDOKU_4, SUDOKU_6, SUDOKU_8, SUDOKU_9, SUDOKU_10, SUDOKU_12, SUDOKU_15, SUDOKU_16, SUDOKU_25)
SIZES = ", ".join(f"{v.cells} ({v.title})" for v in VARIANTS[:-1]) + f" or {VARIANTS[-1].cells} ({VARIANTS[-1].title})"
_JIGSAW_TASK = re.compile(r"sudoku-(\d{1,2})x\1-([A-Y]+)")


def jigsaw(regions: Sequence[object] | str) -> Variant:
    """A Sudoku with these regions: (cells,) whatever names the region of each cell. With the usual boxes it is the usual Variant.

    PuzzleError if they are not n regions of n cells each.
    """
    side = round(len(regions) ** 0.5)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(regions))}
    if side * side != len(regions) or not 2 <= side <= LARGEST:
        raise PuzzleError(f"The regions have {len(regions)} cells; a jigsaw has n × n, for n up to {LARGEST}.")
    found = tuple(numbers[name] for name in regions)
    if len(numbers) != side:
        raise PuzzleError(f"There are {len(numbers)} regions; a {side}×{side} jigsaw has {side}.")
    for name, number in numbers.items():
        if found.count(number) != side:
            raise PuzzleError(f"Region {name} has {found.count(number)} cells; each region of a {side}×{side} jigsaw has {side}.")
    usual = next((v for v in VARIANTS if v.side == side and v.box_of.tolist() == list(found)), None)
    return usual or Variant(side, regions=found)


@cache
def variant_of_task(task: str) -> Variant:
    """'sudoku-9x9' → its Variant. PuzzleError for another task."""
    for variant in VARIANTS:
        if variant.task == task:
            return variant
    found = _JIGSAW_TASK.fullmatch(task)
    if found and len(found[2]) == int(found[1]) ** 2:
        return jigsaw(found[2])
    raise PuzzleError(
        f"{task!r} is not a Sudoku. The Sudokus are {', '.join(v.task for v in VARIANTS)}, and jigsaws, with a letter for each cell's region behind the size"
    )


def variant_of_cells(cells: int) -> Variant:
    """The Variant with this number of cells, and with the usual boxes. PuzzleError for any other number."""
    for variant in VARIANTS:
        if variant.cells == cells:
            return variant
    raise PuzzleError(f"The puzzle has {cells} cells; a Sudoku has {SIZES}.")


def format_line(grid: ArrayLike, blank: str = ".") -> str:
    """The cells as one line."""
    return "".join(SYMBOLS[d] if d else blank for d in np.asarray(grid).tolist())


def format_grid(grid: ArrayLike, variant: Variant, blank: str = ".") -> str:
    """The cells as rows, with | and - between boxes. Of a jigsaw its rows, and the rows of its regions below them."""
    line = format_line(grid, blank)
    if variant.regions:
        parts = (line, variant.region_line)
        return "\n\n".join("\n".join(part[k : k + variant.side] for k in range(0, variant.cells, variant.side)) for part in parts)
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
    union = np.bitwise_or.reduce(bits, axis=1)
    different = _ONES[union & 0x1FFF].astype(np.intp) + _ONES[union >> 13]
    return np.asarray((bits > 0).sum(axis=(0, 1)) - different.sum(axis=0))


def repeats(grids: ArrayLike, variant: Variant) -> NDArray[np.bool_]:
    """(N, cells) → (N,) whether a unit holds a digit twice; much quicker than counting how often."""
    bits = _bits_in_units(grids, variant)
    # A digit that stands twice makes the sum of a unit's bits larger than their union.
    return np.asarray((bits.sum(axis=1, dtype=bits.dtype) != np.bitwise_or.reduce(bits, axis=1)).any(axis=0))


_ONES = np.array([number.bit_count() for number in range(1 << 13)], np.uint8)  # by a set of 13 digits, how many they are


def _bits_in_units(grids: ArrayLike, variant: Variant) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """(N, cells) → (units, side, N): a bit for the digit in each cell of each unit, 0 for a blank. Their sum fits the type."""
    digits = np.ascontiguousarray(np.asarray(grids).T).astype(np.int32)
    bits = np.where(digits > 0, np.left_shift(1, np.maximum(digits - 1, 0)), 0)
    return (bits.astype(np.uint16) if variant.side <= 12 else bits.astype(np.uint32))[variant.units]


def violations(grid: ArrayLike, variant: Variant) -> int:
    """`violations_batch` of one grid."""
    return int(violations_batch(np.asarray(grid)[None], variant)[0])


def check_puzzle(grid: ArrayLike, variant: Variant) -> None:
    """PuzzleError, which names the two cells, if a unit holds a digit twice."""
    digits = np.asarray(grid)
    for cell in np.flatnonzero(conflicts(digits, variant)).tolist():
        other = next(p for p in variant.peers[cell].tolist() if digits[p] == digits[cell])
        shared = next(i for i in range(3) if variant.units_of[cell, i] == variant.units_of[other, i])
        unit = ("row", "column", variant.box_word)[shared]
        raise PuzzleError(
            f"{SYMBOLS[digits[cell]]} appears twice in one {unit}: at {cell_name(cell, variant)} and at {cell_name(other, variant)}.", other
        )


def is_solution(grid: ArrayLike, given: ArrayLike, variant: Variant) -> bool:
    """Whether a grid is full, keeps the rules, and keeps what was given."""
    digits, clues = np.asarray(grid), np.asarray(given)
    return bool((digits > 0).all() and violations(digits, variant) == 0 and (digits == clues)[clues > 0].all())

"""Which Sudokus are symmetric copies of each other: a number that all symmetric copies of a puzzle share.

A puzzle is seen as a graph of cells, rows, columns, boxes, bands, stacks and digits, whose nodes differ by what they touch,
round after round (Weisfeiler-Leman refinement, with 64-bit hashes for colours). Symmetric puzzles always get the same number.
Others get different ones as far as anyone has seen, unless both are full or nearly full boards, which refinement cannot separate.
So puzzles of different numbers are certainly of different classes, which is what keeping training and test apart needs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrm_model.tasks.base import Grids
from hrm_model.tasks.sudoku.grid import Variant

Colours = NDArray[np.uint64]

_ROUNDS = 4
_TOGETHER = 1024  # puzzles worked on at once; their arrays stay in cache
_SALT = np.random.default_rng(20261124).integers(1, 2**63, size=16, dtype=np.uint64) | np.uint64(1)


def symmetry_classes(puzzles: Grids, variant: Variant) -> Colours:
    """(N, cells) → (N,) a number each, the same for two puzzles that a symmetry of Sudoku turns into each other."""
    found = np.empty(len(puzzles), np.uint64)
    for start in range(0, len(puzzles), _TOGETHER):
        some = puzzles[start : start + _TOGETHER]
        code = _refined_jigsaw(some, variant) if variant.regions else _refined(some, variant)
        if not variant.regions and variant.box_height == variant.box_width:
            turned = some.reshape(-1, variant.side, variant.side).transpose(0, 2, 1).reshape(some.shape)
            code = np.minimum(code, _refined(turned, variant))
        found[start : start + _TOGETHER] = code
    return found


def mix(x: Colours) -> Colours:
    """A hash of each number (the finalizer of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _refined(puzzles: Grids, variant: Variant) -> Colours:
    """(N,) sum of the cells' colours after some rounds; it does not know a transposed puzzle again."""
    count, side, height, width = len(puzzles), variant.side, variant.box_height, variant.box_width
    bands, stacks = side // height, side // width
    digits = puzzles.astype(np.intp)
    # Cells sorted by puzzle and digit, so that sums over a digit's cells are sums over stretches.
    keys = (digits + np.arange(count)[:, None] * (side + 1)).ravel()
    order = keys.argsort(kind="stable")
    occurs = np.bincount(keys, minlength=count * (side + 1))
    begins = np.cumsum(occurs) - occurs
    cells = mix((digits > 0).astype(np.uint64) + _SALT[0])
    for _ in range(_ROUNDS):
        board = cells.reshape(count, bands, height, stacks, width)
        rows, columns, boxes = board.sum(axis=(3, 4)), board.sum(axis=(1, 2)), board.sum(axis=(2, 4))
        rows = mix(rows + _SALT[1] * mix(mix(rows).sum(axis=2, keepdims=True)))  # what it holds, and what its band holds
        columns = mix(columns + _SALT[2] * mix(mix(columns).sum(axis=2, keepdims=True)))
        of_digit = np.where(occurs > 0, np.add.reduceat(np.append(cells.ravel()[order], np.uint64(0)), begins), np.uint64(0)).reshape(
            count, side + 1
        )
        of_digit[:, 0] = 0
        seen = _SALT[3] * rows[:, :, :, None, None] + _SALT[4] * columns[:, None, None, :, :] + _SALT[5] * mix(boxes)[:, :, None, :, None]
        cells = mix(cells * _SALT[6] + seen.reshape(cells.shape) + _SALT[7] * np.take_along_axis(mix(of_digit), digits, axis=1))
    return mix(mix(cells).sum(axis=1))


def _refined_jigsaw(puzzles: Grids, variant: Variant) -> Colours:
    """The same for regions of any shape. It takes rows and columns for alike, so it also gives copies the same number that a symmetry of the map makes."""
    count, side = len(puzzles), variant.side
    row, column, box = variant.units_of.T
    digits = puzzles.astype(np.intp)
    cells = mix((digits > 0).astype(np.uint64) + _SALT[0])
    for _ in range(_ROUNDS):
        units = mix(cells[:, variant.units].sum(axis=2))
        of_digit = np.zeros((count, side + 1), np.uint64)
        for digit in range(1, side + 1):
            of_digit[:, digit] = mix(np.where(digits == digit, cells, np.uint64(0)).sum(axis=1))
        lines = mix(units[:, row] * _SALT[1]) + mix(units[:, column] * _SALT[1])
        seen = _SALT[3] * lines + _SALT[5] * units[:, box]
        cells = mix(cells * _SALT[6] + seen + _SALT[7] * np.take_along_axis(of_digit, digits, axis=1))
    return mix(mix(cells).sum(axis=1))

"""Mazes of any height and width with any number of shortest paths: scattered walls, or corridors with some walls opened. And what their cells know.

Made for models that read every size. `generator` makes squares with exactly one shortest path. Shapes: N mazes, S cells of the square.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Grids
from hrm_model.tasks.maze.generator import corridors, neighbour_sums
from hrm_model.tasks.maze.grid import GOAL, LARGEST, OPEN, OUTSIDE, PATH, SMALLEST, START, WALL, distances, in_square, is_passable, side_of

_BATCH_CELLS = 60_000  # cells worked on together; arrays of this size stay in cache
_PATIENCE = 40  # batches without one maze before a path length is called out of reach
_SCATTERED = (0.2, 0.42)  # share of walls, where they are scattered
_OPENED = (-0.08, 0.35)  # share of the walls between two corridors that are opened; below 0: none
_FAR = 0.4  # chance that the goal is the cell farthest from the start

Shape = tuple[int, int]  # rows, columns


def sides_between(low: int, high: int) -> Callable[[int, np.random.Generator], NDArray[np.intp]]:
    """Draws (count, 2) rows and columns from `low` to `high`; half of them are squares."""

    def draw(count: int, rng: np.random.Generator) -> NDArray[np.intp]:
        shapes = rng.integers(low, high + 1, size=(count, 2))
        square = rng.random(count) < 0.5
        shapes[square, 1] = shapes[square, 0]
        return shapes

    return draw


def generate_varied(
    sides: tuple[int, int],
    count: int,
    rng: np.random.Generator,
    *,
    min_path: int | None = None,
    max_path: int | None = None,
    side: int | None = None,
) -> tuple[Grids, Grids]:
    """Mazes with sides drawn from `sides`, and the same with `preferred_paths` marked, each (count, S) in squares of `side` (none: the longest).

    `min_path`, `max_path`: moves from start to goal; none: at least a number drawn between 2 and height + width. PuzzleError.
    """
    low, high = sides
    if not SMALLEST <= low <= high <= min(LARGEST, side or LARGEST):
        raise PuzzleError(f"mazes with sides from {low} to {high}: {SMALLEST} to {min(LARGEST, side or LARGEST)} is possible")
    return _generate(sides_between(low, high), side or high, count, rng, min_path, max_path)


def generate_shaped(
    shape: Shape, count: int, rng: np.random.Generator, *, min_path: int | None = None, max_path: int | None = None
) -> tuple[Grids, Grids]:
    """`generate_varied` with so many rows and columns; `min_path` none: at least as many moves as the longer side."""
    least = max(shape) if min_path is None else min_path
    return _generate(lambda n, _: np.tile(shape, (n, 1)), max(shape), count, rng, least, max_path)


def _generate(
    draw: Callable[[int, np.random.Generator], NDArray[np.intp]],
    side: int,
    count: int,
    rng: np.random.Generator,
    least: int | None,
    most: int | None,
) -> tuple[Grids, Grids]:
    if (least is not None and least < 2) or (most is not None and most < (least or 2)):
        raise PuzzleError(f"a path of {least or 2} to {most} moves: at least 2 are needed, and no fewer at most than at least")
    puzzles: list[Grids] = []
    solutions: list[Grids] = []
    have = tries = 0
    while have < count:
        shapes = draw(max(16, min(_BATCH_CELLS, 2 * (count - have))), rng)
        found = 0
        # Those of about one size together: all are computed in squares of the largest.
        shapes = shapes[np.argsort(shapes.max(axis=1), kind="stable")]
        begin = 0
        while begin < len(shapes):
            size = max(1, _BATCH_CELLS // int(shapes[min(begin + 64, len(shapes) - 1)].max()) ** 2)
            made = _with_ends(_open_cells(shapes[begin : begin + size], rng), shapes[begin : begin + size], least, most, rng)
            begin += size
            if len(made):
                found += len(made)
                small = side_of(made.shape[1])
                made = in_square(made.reshape(-1, small, small), side)
                puzzles.append(made)
                solutions.append(np.where(preferred_paths(made, *distances_from_ends(made)), PATH, made).astype(np.int8))
        tries = 0 if found else tries + 1
        if tries == _PATIENCE:
            raise PuzzleError(f"no maze with a path of {least or 2} moves or more was found in {_PATIENCE * len(shapes)} attempts")
        have += found
    order = rng.permutation(have)[:count]
    return np.concatenate(puzzles)[order], np.concatenate(solutions)[order]


def _open_cells(shapes: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.int8]:
    """(N, 2) → (N, side, side) of WALL, OPEN and OUTSIDE, in squares of the longest side."""
    side, count = int(shapes.max()), len(shapes)
    step = np.arange(side)
    inside = (step[None, :, None] < shapes[:, :1, None]) & (step[None, None, :] < shapes[:, 1:, None])
    flat = inside.reshape(count, -1)
    scattered = rng.random(count) < 0.5
    share = rng.uniform(*_SCATTERED, size=(count, 1))
    opened = rng.random(flat.shape) >= share
    winding = np.flatnonzero(~scattered)
    if len(winding):
        ways = corridors(side, len(winding), rng, flat[winding])
        rimmed = np.zeros((len(winding), side + 2, side + 2), np.uint8)
        rimmed[:, 1:-1, 1:-1] = ways.reshape(-1, side, side)
        between = ~ways & (neighbour_sums(rimmed, side) >= 2)
        some = np.maximum(0, rng.uniform(*_OPENED, size=(len(winding), 1)))
        opened[winding] = ways | (between & (rng.random(between.shape) < some))
    return np.where(inside, np.where(opened.reshape(inside.shape), OPEN, WALL), OUTSIDE).astype(np.int8)


def _with_ends(cells: NDArray[np.int8], shapes: NDArray[np.intp], least: int | None, most: int | None, rng: np.random.Generator) -> Grids:
    """Mazes with a start and a goal; those without a fitting pair are left out."""

    def random_of(allowed: NDArray[np.bool_]) -> NDArray[np.intp]:
        return np.where(allowed, rng.random(allowed.shape, np.float32) + 0.01, 0).argmax(axis=1)

    grids = cells.reshape(len(cells), -1)
    passable = is_passable(grids)
    start = random_of(passable)
    away, _ = distances(passable, start)
    start = np.where(rng.random(len(start)) < 0.5, away.argmax(axis=1), start)  # every other start lies at a far end
    ahead, _ = distances(passable, start)
    lows = rng.integers(2, shapes.sum(axis=1) + 1) if least is None else np.full(len(shapes), least)
    fitting = (ahead >= lows[:, None]) & (ahead <= (most or grids.shape[1]))
    kept = fitting.any(axis=1)
    grids, start, ahead, fitting = grids[kept].copy(), start[kept], ahead[kept], fitting[kept]
    farthest = np.where(fitting, ahead, -1).argmax(axis=1)
    goal = np.where(rng.random(len(grids)) < _FAR, farthest, random_of(fitting))
    index, swapped = np.arange(len(grids)), rng.random(len(grids)) < 0.5
    grids[index, start], grids[index, goal] = np.where(swapped, GOAL, START), np.where(swapped, START, GOAL)
    return grids


def distances_from_ends(puzzles: Grids) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """(N, S) mazes → moves to the goal and from the start, (N, S) each; −1 if there is no way."""
    passable = is_passable(puzzles)
    to_goal, from_start = (distances(passable, (puzzles == end).argmax(axis=1))[0] for end in (GOAL, START))
    return to_goal, from_start


def preferred_paths(puzzles: Grids, to_goal: NDArray[np.int16], from_start: NDArray[np.int16]) -> NDArray[np.bool_]:
    """(N, S) the open cells of the path that keeps going down, right, up, left in this order of preference, as `grid.solve` does.

    The rule is local: each step follows from how far the neighbours are from the goal.
    """
    count, side = len(puzzles), side_of(puzzles.shape[1])
    width = side + 1
    lined = np.full((count, side + 2, width), -1, np.int16)
    lined[:, 1:-1, :-1] = to_goal.reshape(count, side, side)
    left = lined.ravel()  # each row and each maze is followed by cells without a way
    start, first = (puzzles == START).argmax(axis=1), np.arange(count) * (side + 2) * width
    here = first + (start // side + 1) * width + start % side
    marked = np.zeros(len(left), np.bool_)
    going = np.arange(count)
    while True:
        going = going[left[here[going]] > 1]
        if not len(going):
            break
        at = here[going]
        around = np.stack([at + width, at + 1, at - width, at - 1])
        ahead = (left[around] == left[at] - 1).argmax(axis=0)
        here[going] = np.take_along_axis(around, ahead[None], axis=0)[0]
        marked[here[going]] = True
    return marked.reshape(count, side + 2, width)[:, 1:-1, :-1].reshape(count, -1)

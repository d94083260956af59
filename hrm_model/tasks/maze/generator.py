"""Mazes with exactly one shortest path, of any size and as long as wanted, made by the hundred."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Grids
from hrm_model.tasks.maze.grid import GOAL, LARGEST, OPEN, PATH, SMALLEST, START, WALL, distances

_BATCH_CELLS = 60_000  # cells worked on together; arrays of this size stay in cache
_PATIENCE = 40  # batches without one maze after which a path length counts as impossible
_LOOPS = 0.25  # at most this share of the walls between two corridors is opened


def generate(
    side: int, count: int, rng: np.random.Generator, *, min_path: int | None = None, max_path: int | None = None
) -> tuple[Grids, Grids]:
    """Mazes and the same with their only shortest path marked, each (count, side²).

    From start to goal it takes `min_path` (none: 2 · side) to `max_path` (none: any number of) moves. Corridors branch and wind from
    one maze to the next more or less; about half of the mazes have loops. PuzzleError if none was found in many attempts.
    """
    if not SMALLEST <= side <= LARGEST:
        raise PuzzleError(f"a maze of side {side}: {SMALLEST} to {LARGEST} is possible")
    least = min(2 * side, side * side // 3) if min_path is None else min_path
    most = side * side if max_path is None else max_path
    if not 2 <= least <= most:
        raise PuzzleError(f"a path of {least} to {most} moves: the shortest must be 2 moves or more, and the longest no shorter than that")
    puzzles: list[Grids] = []
    solutions: list[Grids] = []
    have = tries = 0
    while have < count:
        size = max(16, min(_BATCH_CELLS // (side * side), 2 * (count - have)))
        open_cells = _with_loops(corridors(side, size, rng), side, rng)
        made, solved = _with_ends(open_cells, least, most, rng)
        tries = 0 if len(made) else tries + 1
        if tries == _PATIENCE:
            raise PuzzleError(f"no {side} × {side} maze with a path of {least} to {most} moves was found in {_PATIENCE * size} attempts")
        puzzles.append(made)
        solutions.append(solved)
        have += len(made)
    return np.concatenate(puzzles)[:count], np.concatenate(solutions)[:count]


def neighbour_sums(grids: NDArray, side: int) -> NDArray:
    """(N, side + 2, side + 2) with a rim → (N, S) the sum over the four neighbours of each cell."""
    total = grids[:, :-2, 1:-1] + grids[:, 2:, 1:-1] + grids[:, 1:-1, :-2] + grids[:, 1:-1, 2:]
    return total.reshape(len(grids), side * side)


def corridors(side: int, count: int, rng: np.random.Generator, inside: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """(count, S) the open cells of mazes without loops: a cell is opened if it touches exactly one open cell, until there is none left.

    Cells beside the newest ones are preferred, more in some mazes than in others: a strong preference gives long winding corridors, a weak one branches.
    `inside` (count, S): the cells that may be opened; none: all.
    """
    index = np.arange(count)
    opened = np.zeros((count, side + 2, side + 2), np.int16)  # when a cell was opened, counted from 1
    if inside is None:
        row, column = rng.integers(side, size=(2, count))
    else:
        row, column = np.divmod(np.where(inside, rng.random(inside.shape, np.float32) + 0.01, 0).argmax(axis=1), side)
    opened[index, row + 1, column + 1] = 1
    winding = rng.random((count, 1), np.float32) ** 2
    step = 1
    while True:
        step += 1
        may = (neighbour_sums((opened > 0).view(np.uint8), side) == 1) & (opened[:, 1:-1, 1:-1].reshape(count, -1) == 0)
        if inside is not None:
            may &= inside
        going = may.any(axis=1)
        if not going.any():
            return opened[:, 1:-1, 1:-1].reshape(count, -1) > 0
        newest = neighbour_sums(opened, side)
        cell = np.where(may, 1 + winding * newest + rng.random(may.shape, np.float32), 0).argmax(axis=1)[going]
        opened[index[going], cell // side + 1, cell % side + 1] = step


def _with_loops(open_cells: NDArray[np.bool_], side: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Open some walls between corridors, in four mazes of five: more of these are left out later, because their path is short or not the only one."""
    count = len(open_cells)
    rimmed = np.zeros((count, side + 2, side + 2), np.uint8)
    rimmed[:, 1:-1, 1:-1] = open_cells.reshape(count, side, side)
    between = ~open_cells & (neighbour_sums(rimmed, side) >= 2)
    share = np.maximum(0, rng.uniform(-_LOOPS / 4, _LOOPS, size=(count, 1)))
    return open_cells | (between & (rng.random(between.shape) < share))


def _with_ends(open_cells: NDArray[np.bool_], least: int, most: int, rng: np.random.Generator) -> tuple[Grids, Grids]:
    """Mazes with a start and a goal to which exactly one shortest path leads, and their answers; those without such a pair are left out."""

    def random_of(cells: NDArray[np.bool_]) -> NDArray[np.intp]:
        return np.where(cells, rng.random(cells.shape, np.float32) + 0.01, 0).argmax(axis=1)

    start = random_of(open_cells)
    # Every other start lies at a far end, where long paths begin.
    away, _ = distances(open_cells, start)
    start = np.where(rng.random(len(start)) < 0.5, away.argmax(axis=1), start)
    ahead, ways = distances(open_cells, start)
    fitting = (ways == 1) & (ahead >= least) & (ahead <= most)
    kept = fitting.any(axis=1)
    open_cells, start, ahead, goal = open_cells[kept], start[kept], ahead[kept], random_of(fitting[kept])
    behind, _ = distances(open_cells, goal)
    index = np.arange(len(goal))
    puzzles = np.where(open_cells, OPEN, WALL).astype(np.int8)
    puzzles[index, start], puzzles[index, goal] = START, GOAL
    on_path = (ahead >= 0) & (ahead + behind == ahead[index, goal][:, None]) & (puzzles == OPEN)
    return puzzles, np.where(on_path, PATH, puzzles).astype(np.int8)

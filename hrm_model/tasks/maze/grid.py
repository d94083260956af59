"""Mazes of any height and width, squares as in the published data: text ↔ grid ↔ tokens, shortest paths, symmetries.

A grid is an int8 array of the cells of a square, row by row. A rectangle lies in the upper left corner of the square of its longer side;
the cells beyond it are OUTSIDE. The numbers are the tokens: 0 outside (padding), then the characters `# SGo` in this order: wall, open,
start, goal, path. In an answer every open cell of one shortest path is `o`; if there are several such paths, each of them is right.

In one line of text, the rows of a rectangle have `/` between them. Shapes: N mazes, S cells of the square.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Grid, Grids, hashes

CHARACTERS = "# SGo"
OUTSIDE, WALL, OPEN, START, GOAL, PATH = range(6)
VOCAB_SIZE = 6
SMALLEST, LARGEST = 3, 100  # cells along a side

# What people write instead of the published characters.
_SPELLINGS = {
    "#": WALL, "█": WALL, "1": WALL, " ": OPEN, ".": OPEN, "·": OPEN, "_": OPEN, "0": OPEN,
    "S": START, "s": START, "G": GOAL, "g": GOAL, "E": GOAL, "o": PATH, "*": PATH,
}  # fmt: skip
_PLAIN = str.maketrans({"\u00a0": " ", "\u3000": " ", "\ufeff": None, "\u200b": None, "\r": None})
_LETTERS = np.array(list("?" + CHARACTERS))


def parse(text: str, shape: tuple[int, int] | None = None) -> Grid:
    """A drawn maze, one line of its rows with `/` between them, or one line of a square → (S,).

    `shape`: the rows and columns that are needed. Rows may have lost open cells at their right end, if all of them did.
    PuzzleError names the character or row at fault, or the number of rows and cells found. Nothing is filled up or cut off.
    """
    if len(text) > 2 * LARGEST * (LARGEST + 2):
        raise PuzzleError(f"The text has {len(text):,} characters; a maze has at most {LARGEST} × {LARGEST} cells.")
    rows = _rows(text.translate(_PLAIN), shape)
    if len(rows) == 1 and "/" in rows[0]:
        rows = rows[0].strip("/").split("/")
    elif any("/" in row for row in rows):
        raise PuzzleError(f"The text holds {len(rows)} mazes; one is needed here. `hrm-studio eval` takes files of many.")
    widest = max(map(len, rows))
    for r, row in enumerate(rows):
        for c, character in enumerate(row):
            if character not in _SPELLINGS:
                shown = "A tab" if character == "\t" else repr(character)
                raise PuzzleError(
                    f"{shown} at row {r + 1}, column {c + 1} is not a cell of a maze; # is a wall, a space is open, S the start, G the goal.",
                    r * widest + c,
                )
    if len(rows) == 1:
        side = math.isqrt(len(rows[0]))
        if side * side != len(rows[0]):
            raise PuzzleError(
                f"The maze has {len(rows[0])} cells in one line; a square is needed, such as 121 for 11 × 11. Put / between the rows of a rectangle."
            )
        rows = [rows[0][r * side : (r + 1) * side] for r in range(side)]
    found = len(rows), max(map(len, rows))
    if shape is not None and found != shape:
        raise PuzzleError(f"The maze is {found[0]} × {found[1]}; {shape[0]} × {shape[1]} is needed.")
    if not all(SMALLEST <= length <= LARGEST for length in found):
        raise PuzzleError(f"The maze is {found[0]} × {found[1]}; {SMALLEST} × {SMALLEST} to {LARGEST} × {LARGEST} can be read.")
    _refuse_short_rows(rows)
    cells = np.array([[_SPELLINGS[c] for c in row.ljust(found[1])] for row in rows], np.int8)
    return in_square(cells)


def _rows(text: str, shape: tuple[int, int] | None) -> list[str]:
    """The lines without the blank ones around the maze. A line of spaces as long as the longest is a row of open cells.

    A shorter one at one end is such a row, whose cells were lost, if a square or the shape that is needed lacks a row without it.
    """
    rows = text.split("\n")
    widest = max(map(len, rows))

    def drop(least: int) -> None:
        for end in (-1, 0):
            while len(rows) > least and not rows[end].strip() and (shape is not None or len(rows[end]) < widest):
                rows.pop(end)

    drop(max(1, widest if shape is None else shape[0]))
    if shape is None and (len(rows) != widest or not (rows[0] or rows[-1]) or any(row.endswith(" ") for row in rows)):
        drop(1)
    return rows


def _refuse_short_rows(rows: list[str]) -> None:
    """PuzzleError for a row that is too short, unless open cells at its right end must be what it lacks.

    They must if no row kept open cells there. The first row may lack some on its left instead, where pasting loses spaces.
    """
    width = max(map(len, rows))
    short = next((r for r, row in enumerate(rows) if len(row) < width), None)
    kept = any(row and row[-1] == " " for row in rows)
    if short is not None and (kept or (short == 0 and rows[0].strip())):
        raise PuzzleError(
            f"Row {short + 1} has {len(rows[short])} cells, the longest has {width}. Write open cells as . to make it clear.", short * width
        )


def is_maze_text(line: str) -> bool:
    """Whether a line consists of cells of a maze only, or of rows of them with `/` between."""
    return all(character in _SPELLINGS or character == "/" for character in line.translate(_PLAIN))


def looks_like_maze(text: str) -> bool:
    """Whether a text is meant as a maze or mazes: it has walls, or a start and a goal, and no line of it holds the digits of a Sudoku."""
    if "#" not in text and "█" not in text and not ("S" in text.upper() and ("G" in text.upper() or "E" in text)):
        return False
    lines = [line.replace("\t", " ").split(",")[0] for line in text.replace("\r", "\n").split("\n") if line.strip()]
    cells = [line for line in lines if is_maze_text(line)]
    if any(any(c in "23456789" for c in line.partition("#")[0]) for line in lines):
        return False
    return bool(cells) and (any("#" in line or "█" in line for line in cells) or len(cells) == len(lines))


def format_line(grid: ArrayLike) -> str:
    """The cells as one line of the published characters; the rows of a rectangle have `/` between them."""
    cells = np.asarray(grid)
    return format_grid(cells).replace("\n", "/") if (cells == OUTSIDE).any() else "".join(_LETTERS[cells])


def format_grid(grid: ArrayLike) -> str:
    """The cells as rows."""
    rows, columns = shape_of(grid)
    return "\n".join("".join(row) for row in _LETTERS[_square(grid)[:rows, :columns]])


def side_of(cells: int) -> int:
    """Side of a square of so many cells. PuzzleError if they are not a square."""
    side = math.isqrt(cells)
    if side * side != cells:
        raise PuzzleError(f"{cells} cells do not form a square maze.")
    return side


def _square(grid: ArrayLike) -> NDArray[np.int8]:
    cells = np.asarray(grid)
    return cells.reshape(side_of(cells.size), -1)


def shape_of(grid: ArrayLike) -> tuple[int, int]:
    """Rows and columns of the maze in a grid (S,)."""
    there = _square(grid) != OUTSIDE
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    return int(rows[-1]) + 1 if len(rows) else 0, int(columns[-1]) + 1 if len(columns) else 0


def in_square(cells: NDArray[np.int8], side: int | None = None) -> NDArray[np.int8]:
    """(…, rows, columns) → (…, S): in the upper left corner of a square of this side (none: the longer one)."""
    rows, columns = cells.shape[-2:]
    side = side or max(rows, columns)
    square = np.zeros((*cells.shape[:-2], side, side), np.int8)
    square[..., :rows, :columns] = cells
    return square.reshape(*cells.shape[:-2], side * side)


def resized(grid: Grid, shape: tuple[int, int]) -> Grid:
    """A maze cut, or filled up with open cells, to another number of rows and columns."""
    rows, columns = shape_of(grid)
    cells = np.full(shape, OPEN, np.int8)
    kept = min(rows, shape[0]), min(columns, shape[1])
    cells[: kept[0], : kept[1]] = _square(grid)[: kept[0], : kept[1]]
    return in_square(cells)


def without_path(grids: ArrayLike) -> Grids:
    """Grids with every `o` open again."""
    found = np.asarray(grids)
    return np.where(found == PATH, OPEN, found).astype(np.int8)


def is_passable(grids: NDArray) -> NDArray[np.bool_]:
    """The cells that a way can lead through."""
    return (grids != WALL) & (grids != OUTSIDE)


def check_puzzle(grid: ArrayLike) -> None:
    """PuzzleError if there is not exactly one start and one goal, or no way between them."""
    cells = np.asarray(grid)
    side = side_of(cells.size)
    for token, name in ((START, "start (S)"), (GOAL, "goal (G)")):
        places = np.flatnonzero(cells == token)
        if len(places) != 1:
            where = f", the second at row {places[1] // side + 1}, column {places[1] % side + 1}" if len(places) else ""
            raise PuzzleError(
                f"The maze has {len(places) or 'no'} {name}{where}; exactly one is needed.", int(places[1]) if len(places) else None
            )
    if shortest_paths(cells[None]).length[0] < 0:
        raise PuzzleError("There is no way from start to goal.", int(np.flatnonzero(cells == GOAL)[0]))


def distances(passable: NDArray[np.bool_], starts: NDArray[np.intp]) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Moves from `starts` (N,) to each cell of (N, S) mazes, −1 if there is no way; and how many shortest ways, 0, 1 or 2 for several.

    All mazes are flooded at once: they lie in one long line, each row and each maze followed by walls.
    """
    count, cells = passable.shape
    side = side_of(cells)
    width = side + 1
    lined = np.zeros((count, width, width), np.uint8)
    lined[:, :side, :side] = passable.reshape(count, side, side)
    free = np.concatenate([np.zeros(width, np.uint8), lined.ravel(), np.zeros(width, np.uint8)])
    first = width + np.arange(count) * width * width + starts // side * width + starts % side
    front = np.zeros_like(free)
    front[first] = free[first]
    ways, moves = front.copy(), np.full(free.shape, -1, np.int16)
    moves[first] = 0
    free[first] = 0
    inner = slice(width, -width)
    step = 0
    while True:
        step += 1
        reached = front[width - 1 : -width - 1] + front[width + 1 : len(front) - width + 1]
        reached += front[: -2 * width]
        reached += front[2 * width :]
        np.minimum(reached, 2, out=reached)
        reached *= free[inner]
        new = reached.view(np.bool_) if reached.max(initial=0) < 2 else reached > 0
        if not new.any():
            break
        moves[inner][new] = step
        free[inner][new] = 0
        ways[inner] += reached
        front[inner] = reached

    def back(lines: NDArray) -> NDArray:
        return lines[inner].reshape(count, width, width)[:, :side, :side].reshape(count, cells)

    return back(moves), back(ways)


@dataclass(frozen=True)
class ShortestPaths:
    """Facts about N mazes' shortest paths."""

    length: NDArray[np.intp]  # (N,) moves from start to goal, −1 where there is no way
    unique: NDArray[np.bool_]  # (N,) whether there is exactly one such path
    on_any: NDArray[np.bool_]  # (N, S) open cells that lie on any shortest path


def shortest_paths(grids: ArrayLike) -> ShortestPaths:
    """Of (N, S) mazes with one start and one goal each; `o` counts as open."""
    cells = np.asarray(grids)
    passable = is_passable(cells)
    start, goal = (cells == START).argmax(axis=1), (cells == GOAL).argmax(axis=1)
    ahead, ways = distances(passable, start)
    behind, _ = distances(passable, goal)
    index = np.arange(len(cells))
    length = ahead[index, goal].astype(np.intp)
    on_any = (ahead >= 0) & (ahead + behind == length[:, None]) & (length[:, None] >= 0)
    on_any[index, start] = on_any[index, goal] = False
    return ShortestPaths(length, ways[index, goal] == 1, on_any)


def solve(grid: ArrayLike) -> Grid:
    """The maze with a shortest path marked; of several, the one that keeps going down, right, up, left in this order of preference. PuzzleError."""
    cells = without_path(grid)
    check_puzzle(cells)
    side = side_of(cells.size)
    goal = int((cells == GOAL).argmax())
    here = int((cells == START).argmax())
    left = distances(is_passable(cells)[None], np.array([goal]))[0][0]
    while left[here] > 1:
        row, column = divmod(here, side)
        around = ((row + 1, column), (row, column + 1), (row - 1, column), (row, column - 1))
        here = next(r * side + c for r, c in around if 0 <= r < side and 0 <= c < side and left[r * side + c] == left[here] - 1)
        cells[here] = PATH
    return cells


def is_right(answers: ArrayLike, puzzles: ArrayLike) -> NDArray[np.bool_]:
    """(N, S) answers and puzzles → (N,) whether each answer is the puzzle with one of its shortest paths marked."""
    given, answer = without_path(puzzles), np.asarray(answers)
    right = (without_path(answer) == given).all(axis=1)
    found = np.flatnonzero(right)
    if len(found):
        length = shortest_paths(given[found]).length
        marked = (answer[found] != OPEN) & (given[found] != OUTSIDE)
        # As many marks as moves between the two ends, and a way of so many moves through marked cells alone: then they are that way.
        only = np.where(marked, given[found], WALL)
        right[found] = (length >= 1) & ((answer[found] == PATH).sum(axis=1) == length - 1) & (shortest_paths(only).length == length)
    return right


def faults(answers: ArrayLike, puzzle: ArrayLike) -> NDArray[np.intp]:
    """(N, S) answers to one maze (S,) → (N, S): the faults of each cell, if the answer is to be one path from start to goal.

    A wall, start or goal that the answer changes counts 1. Start and goal need one marked neighbour, each `o` needs two (start and
    goal are marked as well); a cell's count is how many it has too many or too few. A shortest path has none.
    """
    given, answer = without_path(puzzle), np.asarray(answers)
    side = side_of(given.size)
    ends = (given == START) | (given == GOAL)
    marked = ((answer == PATH) & (given == OPEN)) | ends
    rimmed = np.pad(marked.reshape(-1, side, side), ((0, 0), (1, 1), (1, 1))).astype(np.intp)
    around = rimmed[:, :-2, 1:-1] + rimmed[:, 2:, 1:-1] + rimmed[:, 1:-1, :-2] + rimmed[:, 1:-1, 2:]
    wrong = np.abs(around.reshape(answer.shape) - np.where(ends, 1, 2)) * marked
    return np.where(given == OPEN, wrong + ((answer != OPEN) & (answer != PATH)), wrong + ((answer != given) & (given != OUTSIDE)))


def symmetry(side: int) -> NDArray[np.intp]:
    """(8, S) the rotations and reflections of a square: `grid[symmetry(side)[k]]` is the k-th copy of a grid; 0 leaves it as it is."""
    cells = np.arange(side * side).reshape(side, side)
    turned = [np.rot90(cells, k) for k in range(4)]
    return np.stack([t.ravel() for pair in ((t, t[:, ::-1]) for t in turned) for t in pair])


def to_corner(grids: Grids, *others: Grids) -> tuple[Grids, ...]:
    """(N, S) with the rectangles moved to the upper left corner, and `others` moved in the same way."""
    count, side = len(grids), side_of(grids.shape[1])
    there = (grids != OUTSIDE).reshape(count, side, side)
    top, left = there.any(axis=2).argmax(axis=1), there.any(axis=1).argmax(axis=1)
    if not (top.any() or left.any()):
        return grids, *others
    step = np.arange(side)
    row, column = (step + top[:, None]) % side, (step + left[:, None]) % side
    cells = (row[:, :, None] * side + column[:, None, :]).reshape(count, -1)
    return tuple(np.take_along_axis(each, cells, axis=1) for each in (grids, *others))


def symmetry_classes(puzzles: Grids) -> NDArray[np.uint64]:
    """(N, S) → (N,) a number that rotations and reflections of a maze share, its start and goal exchanged or not."""
    exchanged = np.array([0, WALL, OPEN, GOAL, START, PATH], np.int8)[puzzles]
    orders = symmetry(side_of(puzzles.shape[1]))
    return np.stack([hashes(to_corner(grids[:, order])[0]) for order in orders for grids in (puzzles, exchanged)]).min(axis=0)


def augment(puzzles: Grids, solutions: Grids, rng: np.random.Generator) -> tuple[Grids, Grids]:
    """A random rotation or reflection for each row; by chance start and goal are exchanged too."""
    orders = symmetry(side_of(puzzles.shape[1]))[rng.integers(8, size=len(puzzles))]
    swapped = rng.random(len(puzzles)) < 0.5
    names = np.where(swapped[:, None], [0, WALL, OPEN, GOAL, START, PATH], [0, WALL, OPEN, START, GOAL, PATH]).astype(np.int8)

    def moved(grids: Grids) -> Grids:
        return np.take_along_axis(names, np.take_along_axis(grids, orders, axis=1).astype(np.intp), axis=1)

    turned, answers = to_corner(moved(puzzles), moved(solutions))
    return turned, answers


def wall_up(puzzles: Grids, solutions: Grids, rng: np.random.Generator, probability: float = 1.0) -> tuple[Grids, Grids]:
    """Easier copies: with this chance, a random share of the open cells beside the path become walls. The path stays the shortest."""
    share = rng.random(len(puzzles)) * (rng.random(len(puzzles)) < probability)
    closed = (solutions == OPEN) & (rng.random(puzzles.shape) < share[:, None])
    return np.where(closed, WALL, puzzles).astype(np.int8), np.where(closed, WALL, solutions).astype(np.int8)

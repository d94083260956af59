"""The base class of all tasks: what every kind of puzzle offers. NumPy only.

A grid is an int8 array of a board's cells row by row; each task has its own meaning for the numbers, and `to_tokens` makes
a model's tokens of them. Shapes: N puzzles, S cells, K answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import SeveralSolutionsError

Grid = NDArray[np.int8]  # (S,)
Grids = NDArray[np.int8]  # (N, S)
Tokens = NDArray[np.int64]
Walls = tuple[NDArray[np.bool_], NDArray[np.bool_]]  # (side, side) each: whether another box begins right of a cell, and below it


def hashes(grids: Grids) -> NDArray[np.uint64]:
    """(N, S) → (N,) a hash of each grid, the same on every machine."""
    weights = np.random.default_rng(20261124).integers(1, 2**63, size=(128, grids.shape[1]), dtype=np.uint64)
    return weights[grids, np.arange(grids.shape[1])].sum(axis=1, dtype=np.uint64)


def short_name(task: str) -> str:
    """A task's name for messages and files: a jigsaw's without its map, 'sudoku-9x9-jigsaw'."""
    size, _, regions = task.removeprefix("sudoku-").partition("-")
    return f"sudoku-{size}-jigsaw" if task.startswith("sudoku-") and regions else task


def wall_lines(starts: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """One of `Task.walls` as long lines: (at, from, to) in cells, for `walls[1]` across the board; transpose `walls[0]` for those down it."""
    found = []
    for at, row in enumerate(np.pad(starts, ((0, 0), (1, 1))).astype(np.int8), 1):
        change = np.diff(row)
        found += [(at, int(a), int(b)) for a, b in zip(np.flatnonzero(change == 1), np.flatnonzero(change == -1), strict=True)]
    return found


class Task(ABC):
    """One kind and size of puzzle."""

    name: str  # 'sudoku-9x9', 'maze-11x11'
    side: int
    vocab_size: int
    symbols: str  # a character for each number of a grid
    spellings: tuple[str, ...]  # the characters that a number of a grid is often written as
    box: tuple[int, int] = (0, 0)  # height and width of the boxes that a board is divided into
    walls: Walls | None = None  # of a board that is divided into boxes or regions
    known_rules = True  # answers can be checked and copies made by symmetry; without, a board has no meaning by itself
    shows_candidates = False  # a board shows candidates instead of an answer that the model is not sure of
    few_classes = False  # so few puzzles up to symmetry that two random streams share many of them

    def held_out(self, puzzles: Grids) -> NDArray[np.bool_]:
        """(N,) whether a puzzle belongs to a symmetry class that is kept for evaluation."""
        return np.zeros(len(puzzles), bool)

    @abstractmethod
    def classes(self, puzzles: Grids) -> NDArray[np.uint64]:
        """(N,) a number for each puzzle that all its symmetric copies share; puzzles with different numbers are not copies of each other."""

    @property
    def cells(self) -> int:
        """S."""
        return self.side * self.side

    def cell_name(self, cell: int) -> str:
        """'row 3, column 7', counted from 1."""
        return f"row {cell // self.side + 1}, column {cell % self.side + 1}"

    @abstractmethod
    def parse(self, text: str) -> Grid:
        """A pasted line or grid → (S,). PuzzleError says what is wrong, and in which place."""

    def parse_plain(self, cells: str) -> Grids | None:
        """Whole boards of the characters in `symbols` one after the other → (N, S), many at a time; None if there is any other character."""
        table = np.full(256, -1, np.int8)
        for value, symbols in enumerate(self.spellings):
            table[list(symbols.encode("latin-1"))] = value
        try:
            grids = table[np.frombuffer(cells.encode("latin-1"), np.uint8)].reshape(-1, self.cells)
        except UnicodeEncodeError:
            return None
        return None if (grids < 0).any() else grids

    @abstractmethod
    def format_line(self, grid: Grid) -> str:
        """The cells as one line."""

    @abstractmethod
    def format_grid(self, grid: Grid) -> str:
        """The cells as rows."""

    @abstractmethod
    def check(self, puzzle: Grid) -> None:
        """PuzzleError if the puzzle breaks a rule."""

    @abstractmethod
    def sound(self, puzzles: Grids) -> NDArray[np.bool_]:
        """(N,) whether `check` accepts a puzzle."""

    @abstractmethod
    def solve(self, puzzle: Grid) -> Grid:
        """A right answer. PuzzleError if there is none; SeveralSolutionsError if there is more than one in a task that allows only one."""

    def solution_if_one(self, puzzle: Grid) -> Grid | None:
        """Like `solve`; None if there is more than one solution."""
        try:
            return self.solve(puzzle)
        except SeveralSolutionsError:
            return None

    @abstractmethod
    def solve_all(self, puzzles: Grids) -> tuple[Grids, NDArray[np.bool_]]:
        """Right answers (N, S), and (N,) whether `solve` has one for a puzzle."""

    @abstractmethod
    def to_tokens(self, grids: Grids) -> Tokens: ...

    @abstractmethod
    def from_tokens(self, tokens: NDArray[np.integer]) -> Grids: ...

    def there(self, grid: Grid) -> NDArray[np.bool_]:
        """(S,) the cells that exist; of a smaller grid that lies on a larger board, not all do."""
        return np.ones(len(grid), bool)

    @abstractmethod
    def blanks(self, puzzles: Grids) -> NDArray[np.bool_]:
        """(…, S) the cells that a puzzle leaves open."""

    @abstractmethod
    def faults(self, answer: Grid, puzzle: Grid) -> NDArray[np.bool_]:
        """(S,) the cells of an answer that break a rule together with others, whatever the right answer is."""

    @abstractmethod
    def violations(self, answers: Grids, puzzle: Grid) -> NDArray[np.floating]:
        """(N, S) answers to one puzzle → (N,): how often each breaks the rules; 0 for a right one, NaN if there are no rules to break."""

    def asked(self, solution: Grid) -> NDArray[np.bool_]:
        """(S,) the cells that count when an answer is checked."""
        return np.ones(len(solution), bool)

    def differs(self, answers: Grids, solution: Grid) -> NDArray[np.bool_]:
        """(N, S) cells of answers that are not as in a known solution, of those that count."""
        return np.asarray((answers != solution) & self.asked(solution))

    @abstractmethod
    def right(self, answers: Grids, puzzles: Grids, solutions: Grids | None) -> NDArray[np.bool_]:
        """(K, N, S) or (N, S) answers → (K, N) or (N,): whether the whole puzzle is right. Every right answer counts, not only `solutions`.

        Known solutions (N, S) make it faster.
        """

    def difficulty(self, puzzles: Grids, solutions: Grids) -> dict[str, NDArray[np.floating]]:
        """Measures of how hard puzzles are, by name: (N,) each."""
        return {}

    @abstractmethod
    def generate(
        self, count: int, rng: np.random.Generator, *, clues: int | None = None, min_path: int | None = None, max_path: int | None = None
    ) -> tuple[Grids, Grids]:
        """Puzzles with one right answer, and these answers. `clues`: a Sudoku's given digits; `min_path`, `max_path`: a maze's moves.

        PuzzleError if no such puzzle was found.
        """

    @abstractmethod
    def augment(self, puzzles: Grids, solutions: Grids, rng: np.random.Generator) -> tuple[Grids, Grids]:
        """A random symmetry for each row."""

    @abstractmethod
    def easier(self, puzzles: Grids, solutions: Grids, rng: np.random.Generator, probability: float) -> tuple[Grids, Grids]:
        """Easier copies: with this chance, a puzzle is given a random part of its answer."""

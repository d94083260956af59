"""What every kind of puzzle offers, so that nobody else needs to know which one it is. NumPy only.

A grid is an int8 array of a board's cells row by row; what its numbers mean is the task's own business, and `to_tokens` tells
a model. Shapes: N puzzles, S cells, K answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.int8]  # (S,)
Grids = NDArray[np.int8]  # (N, S)
Tokens = NDArray[np.int64]


class PuzzleError(ValueError):
    """A puzzle that cannot be used. The message is a sentence for people; `cell` is the index of the cell at fault, where one is."""

    def __init__(self, message: str, cell: int | None = None) -> None:
        super().__init__(message)
        self.cell = cell


class Task(ABC):
    """One kind and size of puzzle."""

    name: str  # 'sudoku-9x9', 'maze-11x11'
    side: int
    vocab_size: int
    few_classes = False  # so few puzzles up to symmetry that two random streams share many of them

    def held_out(self, puzzles: Grids) -> NDArray[np.bool_]:
        """(N,) whether a puzzle belongs to a symmetry class that is kept for evaluation."""
        return np.zeros(len(puzzles), bool)

    @property
    def cells(self) -> int:
        """S."""
        return self.side * self.side

    @abstractmethod
    def parse(self, text: str) -> Grid:
        """A pasted line or grid → (S,). PuzzleError says what is wrong where."""

    @abstractmethod
    def format_line(self, grid: Grid) -> str:
        """The cells as one line."""

    @abstractmethod
    def check(self, puzzle: Grid) -> None:
        """PuzzleError where the puzzle breaks a rule."""

    @abstractmethod
    def solve(self, puzzle: Grid) -> Grid:
        """A right answer. PuzzleError where there is none, or where there should be one only and there are more."""

    @abstractmethod
    def to_tokens(self, grids: Grids) -> Tokens: ...

    @abstractmethod
    def from_tokens(self, tokens: NDArray[np.integer]) -> Grids: ...

    @abstractmethod
    def blanks(self, puzzles: Grids) -> NDArray[np.bool_]:
        """(…, S) the cells that a puzzle leaves open."""

    @abstractmethod
    def right(self, answers: Grids, puzzles: Grids, solutions: Grids) -> NDArray[np.bool_]:
        """(K, N, S) or (N, S) answers → (K, N) or (N,): whether the whole puzzle is right. Every right answer counts, not just `solutions`."""

    @abstractmethod
    def generate(
        self, count: int, rng: np.random.Generator, *, clues: int | None = None, min_path: int | None = None, max_path: int | None = None
    ) -> tuple[Grids, Grids]:
        """Puzzles with one right answer, and these answers. `clues`: a Sudoku's given digits; `min_path`, `max_path`: a maze's moves.

        ValueError where so hard a puzzle was not found.
        """

    @abstractmethod
    def augment(self, puzzles: Grids, solutions: Grids, rng: np.random.Generator) -> tuple[Grids, Grids]:
        """A random symmetry for each row."""

    @abstractmethod
    def easier(self, puzzles: Grids, solutions: Grids, rng: np.random.Generator, probability: float) -> tuple[Grids, Grids]:
        """Easier copies: with this chance, a puzzle is given a random part of its answer."""

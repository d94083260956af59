"""ARC boards as a task. A grid holds tokens. There are no rules to break and no solver: what is right is known from the answer alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.arc import puzzle as arc
from hrm_model.tasks.base import Grid, Grids, Task, Tokens, hashes


@dataclass(frozen=True)
class ArcTask(Task):
    """One input grid and its output on boards of 30 × 30."""

    name: str = "arc"
    side: int = arc.SIDE
    vocab_size: int = arc.VOCAB_SIZE
    symbols = " |0123456789"
    spellings = ("", "", *"0123456789")
    known_rules = False

    def classes(self, puzzles: Grids) -> NDArray[np.uint64]:
        """Equal boards only: a dataset keeps copies of a task together by their names."""
        return hashes(puzzles)

    def parse(self, text: str) -> Grid:
        """Rows of colours 0 to 9, with or without spaces and commas; or a list of lists in JSON."""
        if arc.looks_like_json_grid(text):
            return arc.encode(arc.grid_from_json(text, "The grid")).astype(np.int8)
        rows = [[int(c) if c.isdecimal() else c for c in line if c not in " ,;[]\t\r"] for line in text.splitlines()]
        return arc.encode(arc.check_grid([row for row in rows if row], "The grid")).astype(np.int8)

    def format_line(self, grid: Grid) -> str:
        return self.format_grid(grid).replace("\n", "/")

    def format_grid(self, grid: Grid) -> str:
        return "\n".join("".join(map(str, row)) for row in arc.grid_on(grid).tolist())

    def check(self, puzzle: Grid) -> None:
        if not self.sound(puzzle[None])[0]:
            raise PuzzleError("The board holds no grid of colours.")

    def sound(self, puzzles: Grids) -> NDArray[np.bool_]:
        return np.asarray((puzzles >= arc.FIRST_COLOUR).any(axis=1))

    def solve(self, puzzle: Grid) -> Grid:
        raise PuzzleError("The solution of an ARC grid cannot be computed; it must come with the puzzle.")

    def solve_all(self, puzzles: Grids) -> tuple[Grids, NDArray[np.bool_]]:
        return np.zeros_like(puzzles), np.zeros(len(puzzles), bool)

    def to_tokens(self, grids: Grids) -> Tokens:
        return np.asarray(grids).astype(np.int64)

    def from_tokens(self, tokens: NDArray[np.integer]) -> Grids:
        return np.asarray(tokens).astype(np.int8)

    def there(self, grid: Grid) -> NDArray[np.bool_]:
        return grid >= arc.FIRST_COLOUR

    def blanks(self, puzzles: Grids) -> NDArray[np.bool_]:
        return np.ones(np.shape(puzzles), bool)

    def faults(self, answer: Grid, puzzle: Grid) -> NDArray[np.bool_]:
        return np.zeros(answer.shape, bool)

    def violations(self, answers: Grids, puzzle: Grid) -> NDArray[np.floating]:
        return np.full(len(answers), np.nan)

    def asked(self, solution: Grid) -> NDArray[np.bool_]:
        """All but padding, as published."""
        return np.asarray(solution != arc.PAD)

    def right(self, answers: Grids, puzzles: Grids, solutions: Grids | None) -> NDArray[np.bool_]:
        if solutions is None:
            raise PuzzleError("An ARC grid cannot be checked without its solution.")
        return np.asarray(((answers == solutions) | ~self.asked(solutions)).all(axis=-1))

    def generate(
        self, count: int, rng: np.random.Generator, *, clues: int | None = None, min_path: int | None = None, max_path: int | None = None
    ) -> tuple[Grids, Grids]:
        raise PuzzleError("ARC tasks are made by people; build a dataset from task files: hrm-studio data build arc")

    def augment(self, puzzles: Grids, solutions: Grids, rng: np.random.Generator) -> tuple[Grids, Grids]:
        """As they are: an ARC dataset holds its augmented copies, each under a name of its own."""
        return puzzles, solutions

    def easier(self, puzzles: Grids, solutions: Grids, rng: np.random.Generator, probability: float) -> tuple[Grids, Grids]:
        """As they are: a grid with a part of its answer filled in is another task."""
        return puzzles, solutions

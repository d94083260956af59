"""Mazes as a task: what the modules beside this one offer, under the names that all tasks share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Grid, Grids, Task, Tokens
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.generator import generate
from hrm_model.tasks.maze.varied import generate_shaped


@dataclass(frozen=True)
class MazeTask(Task):
    """Grids hold tokens, in the square of the longer side."""

    rows: int
    columns: int
    vocab_size: int = maze.VOCAB_SIZE
    symbols = "?" + maze.CHARACTERS
    spellings = ("", *maze.CHARACTERS)

    @property
    def side(self) -> int:  # type: ignore[override]
        return max(self.rows, self.columns)

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"maze-{self.rows}x{self.columns}"

    def classes(self, puzzles: Grids) -> NDArray[np.uint64]:
        return maze.symmetry_classes(puzzles)

    def parse(self, text: str) -> Grid:
        return maze.parse(text, (self.rows, self.columns))

    def format_line(self, grid: Grid) -> str:
        return maze.format_line(grid)

    def format_grid(self, grid: Grid) -> str:
        return maze.format_grid(grid)

    def check(self, puzzle: Grid) -> None:
        maze.check_puzzle(puzzle)

    def sound(self, puzzles: Grids) -> NDArray[np.bool_]:
        ends = ((puzzles == maze.START).sum(axis=1) == 1) & ((puzzles == maze.GOAL).sum(axis=1) == 1)
        return np.asarray(ends & (maze.shortest_paths(puzzles).length > 0))

    def solve_all(self, puzzles: Grids) -> tuple[Grids, NDArray[np.bool_]]:
        fine = self.sound(puzzles)
        return np.stack([maze.solve(p) if ok else p for p, ok in zip(puzzles, fine, strict=True)]), fine

    def solve(self, puzzle: Grid) -> Grid:
        return maze.solve(puzzle)

    def to_tokens(self, grids: Grids) -> Tokens:
        return np.asarray(grids).astype(np.int64)

    def from_tokens(self, tokens: NDArray[np.integer]) -> Grids:
        return np.asarray(tokens).astype(np.int8)

    def there(self, grid: Grid) -> NDArray[np.bool_]:
        return grid != maze.OUTSIDE

    def blanks(self, puzzles: Grids) -> NDArray[np.bool_]:
        return puzzles == maze.OPEN

    def faults(self, answer: Grid, puzzle: Grid) -> NDArray[np.bool_]:
        return maze.faults(answer[None], puzzle)[0] > 0

    def violations(self, answers: Grids, puzzle: Grid) -> NDArray[np.floating]:
        return maze.faults(answers, puzzle).sum(axis=1).astype(float)

    def right(self, answers: Grids, puzzles: Grids, solutions: Grids | None) -> NDArray[np.bool_]:
        if solutions is None:
            flat = answers.reshape(-1, self.cells)
            return maze.is_right(flat, np.broadcast_to(puzzles, answers.shape).reshape(flat.shape)).reshape(answers.shape[:-1])
        right = np.asarray((answers == solutions).all(axis=-1))
        # Only an answer with as many marks as the known path can be another shortest one.
        other = ~right & ((answers == maze.PATH).sum(axis=-1) == (solutions == maze.PATH).sum(axis=-1))
        if other.any():
            right[other] = maze.is_right(answers[other], np.broadcast_to(puzzles, answers.shape)[other])
        return right

    def difficulty(self, puzzles: Grids, solutions: Grids) -> dict[str, NDArray[np.floating]]:
        return {"path length": (solutions == maze.PATH).sum(axis=1) + 1.0}

    def generate(
        self, count: int, rng: np.random.Generator, *, clues: int | None = None, min_path: int | None = None, max_path: int | None = None
    ) -> tuple[Grids, Grids]:
        if clues is not None:
            raise PuzzleError(f"a {self.name} has a path and no clues; leave out clues")
        if self.rows != self.columns:
            return generate_shaped((self.rows, self.columns), count, rng, min_path=min_path, max_path=max_path)
        return generate(self.side, count, rng, min_path=min_path, max_path=max_path)

    def augment(self, puzzles: Grids, solutions: Grids, rng: np.random.Generator) -> tuple[Grids, Grids]:
        return maze.augment(puzzles, solutions, rng)

    def easier(self, puzzles: Grids, solutions: Grids, rng: np.random.Generator, probability: float) -> tuple[Grids, Grids]:
        return maze.wall_up(puzzles, solutions, rng, probability)

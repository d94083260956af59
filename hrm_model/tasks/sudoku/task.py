"""Sudoku as a task: what the modules beside this one offer, under the names that all tasks share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Grid, Grids, Task, Tokens, Walls
from hrm_model.tasks.sudoku import grid as sudoku
from hrm_model.tasks.sudoku.classes import symmetry_classes
from hrm_model.tasks.sudoku.generator import generate
from hrm_model.tasks.sudoku.grid import Variant
from hrm_model.tasks.sudoku.layout import parse
from hrm_model.tasks.sudoku.solver import unique_solution, unique_solutions
from hrm_model.tasks.sudoku.symmetry import augment, fill_blanks, symmetry_codes_4


@dataclass(frozen=True)
class SudokuTask(Task):
    """Grids hold digits, 0 for a blank."""

    variant: Variant
    symbols = sudoku.SYMBOLS
    shows_candidates = True

    @property
    def spellings(self) -> tuple[str, ...]:  # type: ignore[override]
        return (".0", *(symbol if symbol.isdigit() else symbol + symbol.lower() for symbol in self.symbols[1 : self.side + 1]))

    @property
    def box(self) -> tuple[int, int]:  # type: ignore[override]
        return self.variant.box_height, self.variant.box_width

    @property
    def walls(self) -> Walls:  # type: ignore[override]
        return self.variant.walls

    @property
    def few_classes(self) -> bool:  # type: ignore[override]
        return self.variant.side < 8

    def held_out(self, puzzles: Grids) -> NDArray[np.bool_]:
        if not self.few_classes:
            return super().held_out(puzzles)
        # Knuth's multiplicative hash spreads the codes before they are dealt out.
        return (self.classes(puzzles) * np.uint64(11400714819323198485) >> np.uint64(40)) % np.uint64(5) == 0

    def classes(self, puzzles: Grids) -> NDArray[np.uint64]:
        if self.variant == sudoku.SUDOKU_4:
            return symmetry_codes_4(puzzles).astype(np.uint64)
        return symmetry_classes(puzzles, self.variant)

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.variant.task

    @property
    def side(self) -> int:  # type: ignore[override]
        return self.variant.side

    @property
    def vocab_size(self) -> int:  # type: ignore[override]
        return self.variant.vocab_size

    def parse(self, text: str) -> Grid:
        return parse(text, self.variant)

    def format_line(self, grid: Grid) -> str:
        line = sudoku.format_line(grid)
        return f"{line} {self.variant.region_line}" if self.variant.regions else line

    def format_grid(self, grid: Grid) -> str:
        return sudoku.format_grid(grid, self.variant)

    def check(self, puzzle: Grid) -> None:
        sudoku.check_puzzle(puzzle, self.variant)

    def sound(self, puzzles: Grids) -> NDArray[np.bool_]:
        return ~sudoku.repeats(puzzles, self.variant)

    def solve_all(self, puzzles: Grids) -> tuple[Grids, NDArray[np.bool_]]:
        return unique_solutions(puzzles, self.variant)

    def solve(self, puzzle: Grid) -> Grid:
        return unique_solution(puzzle, self.variant)

    def to_tokens(self, grids: Grids) -> Tokens:
        return sudoku.to_tokens(grids)

    def from_tokens(self, tokens: NDArray[np.integer]) -> Grids:
        return sudoku.from_tokens(tokens)

    def blanks(self, puzzles: Grids) -> NDArray[np.bool_]:
        return puzzles == 0

    def faults(self, answer: Grid, puzzle: Grid) -> NDArray[np.bool_]:
        return sudoku.conflicts(answer, self.variant)

    def violations(self, answers: Grids, puzzle: Grid) -> NDArray[np.floating]:
        return sudoku.violations_batch(answers, self.variant).astype(float)

    def right(self, answers: Grids, puzzles: Grids, solutions: Grids | None) -> NDArray[np.bool_]:
        if solutions is not None:
            return np.asarray((answers == solutions).all(axis=-1))
        fits = ((answers == puzzles) | (puzzles == 0)).all(axis=-1) & (answers > 0).all(axis=-1)
        broken = sudoku.repeats(answers.reshape(-1, self.cells), self.variant).reshape(fits.shape)
        return np.asarray(fits & ~broken)

    def difficulty(self, puzzles: Grids, solutions: Grids) -> dict[str, NDArray[np.floating]]:
        return {"clues": (puzzles > 0).sum(axis=1).astype(float)}

    def generate(
        self, count: int, rng: np.random.Generator, *, clues: int | None = None, min_path: int | None = None, max_path: int | None = None
    ) -> tuple[Grids, Grids]:
        if min_path is not None or max_path is not None:
            raise PuzzleError(f"a {self.name} has clues and no path; leave out min_path and max_path")
        return generate(self.variant, count, clues, rng)

    def augment(self, puzzles: Grids, solutions: Grids, rng: np.random.Generator) -> tuple[Grids, Grids]:
        return augment(puzzles, solutions, self.variant, rng)

    def easier(self, puzzles: Grids, solutions: Grids, rng: np.random.Generator, probability: float) -> tuple[Grids, Grids]:
        return fill_blanks(puzzles, solutions, rng, probability), solutions

"""Relabelling: symmetries that move cells and rename tokens and leave the puzzle the same. NumPy only.

Shapes: S cells, V tokens, T positions (puzzle slots, then S cells).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.sudoku.grid import Variant, variant_of_task
from hrm_model.tasks.sudoku.symmetry import random_order
from hrm_model.trace.data import PuzzleInfo, Trace


@dataclass(frozen=True)
class Relabelling:
    """`apply(board)[k] = tokens[board[cells[k]]]`."""

    cells: NDArray[np.intp]  # (S,) the old cell of each new cell
    tokens: NDArray[np.intp]  # (V,) what each token becomes
    words: str  # for people

    def apply(self, board: ArrayLike) -> NDArray[Any]:
        """Tokens (S,) → the same board relabelled."""
        return self.tokens[np.asarray(board)[self.cells].astype(np.intp)]

    def back(self, boards: ArrayLike) -> NDArray[Any]:
        """Tokens of relabelled boards (…, S) → of the original ones: `back(apply(board))` is the board."""
        return np.argsort(self.tokens)[np.asarray(boards)[..., np.argsort(self.cells)].astype(np.intp)]

    def puzzle(self, info: PuzzleInfo) -> PuzzleInfo:
        """The puzzle and its solution, relabelled."""
        solution = None if info.solution is None else self.apply(info.solution)
        return PuzzleInfo(info.task, self.apply(info.given), solution, identifier=info.identifier)

    def undone(self, trace: Trace) -> Trace:
        """A trace of the relabelled puzzle as one of the original: cells, tokens, probabilities and states where they belong."""
        back = np.argsort(self.cells)
        solution = None if trace.puzzle.solution is None else self.back(trace.puzzle.solution)
        info = replace(trace.puzzle, given=self.back(trace.puzzle.given), solution=solution)

        def states(z: NDArray[Any] | None) -> NDArray[Any] | None:
            if z is None:
                return None
            slots = z.shape[1] - len(back)
            return z[:, np.concatenate([np.arange(slots), slots + back])]

        return replace(
            trace,
            puzzle=info,
            prediction=self.back(trace.prediction).astype(trace.prediction.dtype),
            probability=trace.probability[:, back][..., self.tokens],
            z_H=states(trace.z_H),
            z_L=states(trace.z_L),
        )


def random_relabelling(task: str, rng: np.random.Generator) -> Relabelling:
    """A random symmetry of a task. PuzzleError for other tasks than Sudoku, mazes and ARC."""
    if task.startswith("sudoku"):
        return _of_sudoku(variant_of_task(task), rng)
    found = re.fullmatch(r"maze-(\d+)x\1", task)
    if found:
        side = int(found[1])
        return Relabelling(maze.symmetry(side)[rng.integers(1, 8)].astype(np.intp), np.arange(maze.VOCAB_SIZE), "turned or mirrored")
    if task.startswith("arc"):
        # Colour 0 is the background and stays; padding and end of grid are tokens 0 and 1. The canvas is not turned.
        colours = np.concatenate([[0, 1, 2], 3 + rng.permutation(9)])
        return Relabelling(np.arange(900), colours, "colours exchanged")
    raise PuzzleError(f"{task!r} cannot be relabelled; Sudoku, mazes and ARC can")


def _of_sudoku(variant: Variant, rng: np.random.Generator) -> Relabelling:
    side = variant.side
    if variant.regions:
        digits = np.concatenate([[0, 1], 2 + rng.permutation(side)])
        return Relabelling(np.arange(variant.cells), digits, "digits exchanged")
    rows = random_order(1, side // variant.box_height, variant.box_height, rng)[0]
    columns = random_order(1, side // variant.box_width, variant.box_width, rng)[0]
    cells = rows[:, None] * side + columns[None, :]
    if variant.box_height == variant.box_width and rng.random() < 0.5:
        cells = cells.T
    digits = np.concatenate([[0, 1], 2 + rng.permutation(side)])
    return Relabelling(cells.ravel().astype(np.intp), digits, "digits, rows and columns exchanged")

"""What caused what: the patching map, knock-out of heads and messages, and the clues that an answer needs.

Each is a generator that yields what is known so far, so that it can be shown as it grows and stopped.

Shapes: S cells, T positions, D width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from hrm_model.errors import MismatchError, UsageError
from hrm_model.lab.batch import ROWS, last_answers, starts
from hrm_model.lab.branch import branch
from hrm_model.lab.changes import Ablate, Module
from hrm_model.lab.noise import Noise
from hrm_model.lab.outcome import Outcome, known_task, outcome, outcome_of, right
from hrm_model.lab.touched import Touched, cells_of, parts
from hrm_model.loaded import LoadedModel
from hrm_model.reasoning import Place, segments_from
from hrm_model.recording import record
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_model.trace.data import Array, PuzzleInfo, Trace


@dataclass(frozen=True)
class PatchingMap:
    """Which answers change, and when, if one cell's state is perturbed: row the cell perturbed, column the answer.

    `changed` (S, S): segments from the perturbation to the first different answer, counted from 1; 0 if it never differs; −1 not computed yet.
    `ends` (S, S): whether the answers still differ at the end.
    """

    changed: Array
    ends: Array

    @property
    def done(self) -> int:
        """Cells perturbed so far."""
        return int((self.changed[:, 0] >= 0).sum())


def patching_map(
    model: LoadedModel, trace: Trace, at: int, *, sigma: float = 1.0, module: Module = "both", segments: int = 8, seed: int = 0
) -> Iterator[PatchingMap]:
    """Kick each cell's state after a step by itself, and compare what follows with the untouched run (arXiv 2605.17811; SCIENCE: Patching).

    The untouched run is computed beside them in the same batch. TraceError, MismatchError, UsageError.
    """
    _check_segments(segments)
    net = model.model.on(trace.puzzle.task)
    place, x = starts(model, trace, at)
    cells, positions = len(trace.puzzle.given), place.z_H.shape[1]
    slots = positions - cells_of(net, positions)
    changed, ends = np.full((cells, cells), -1, np.int16), np.zeros((cells, cells), np.int8)
    for first in range(0, cells, ROWS - 1):
        some = np.arange(first, min(cells, first + ROWS - 1))
        with torch.inference_mode():
            z = {}
            for level, own in (("H", place.z_H), ("L", place.z_L)):
                states = own.repeat(len(some) + 1, 1, 1)
                if module in (level, "both"):
                    rows, places = torch.arange(len(some)), torch.as_tensor(some) + slots
                    # Each cell has a stream of its own: which cells share its batch does not matter.
                    moved = Noise([[seed, int(c), "HL".index(level)] for c in some]).on(own[0, places][:, None], sigma)
                    states[rows, places] = moved[:, 0]
                z[level] = states
        begun = Place(z["H"], z["L"], place.segment, place.call)
        run = segments_from(Touched(net), x.expand(len(some) + 1, -1, -1), begun, segments=place.segment + segments)
        found = np.zeros((len(some), cells), np.int16)
        for count, (_, answers) in enumerate(run, 1):
            differs = answers.predictions[0, :-1] != answers.predictions[0, -1]
            found[differs & (found == 0)] = count
            ends[some] = differs
            yield PatchingMap(changed, ends)
        changed[some] = found
        yield PatchingMap(changed, ends)


@dataclass(frozen=True)
class KnockOut:
    """What becomes of a run if one part of the model is missing from a step on."""

    part: Ablate
    outcome: Outcome


def knock_outs(model: LoadedModel, trace: Trace, at: int = -1) -> Iterator[KnockOut]:
    """Each head, or each kind of message, ablated alone from a step on. MismatchError for a model that mixes positions with an MLP."""
    which = parts(model.model)
    if not which:
        raise MismatchError(
            "This model mixes its positions with an MLP: it has neither heads nor messages to knock out. Ablate a layer instead."
        )
    for part in which:
        yield KnockOut(part, outcome_of(branch(model, trace, at, [part], previews=False).trace, trace))


@dataclass(frozen=True)
class Clues:
    """What single clues do. Of a solved puzzle `cells` are clues, and `matters` says that the model fails without it; of a failed one they
    are open cells, and `matters` says that it succeeds if their answer is given."""

    solved: bool
    cells: tuple[int, ...]  # that were tried so far
    matters: tuple[bool, ...]
    outcomes: tuple[Outcome, ...] = field(repr=False)

    @property
    def those(self) -> tuple[int, ...]:
        """The cells that matter."""
        return tuple(c for c, m in zip(self.cells, self.matters, strict=True) if m)

    @property
    def words(self) -> str:
        """For people."""
        count, of = len(self.those), len(self.cells)
        if self.solved:
            return (
                f"Without {count} of its {of} clues, each taken away alone, the model fails."
                if count
                else "It solves the puzzle without any single one of its clues."
            )
        return (
            f"One more clue in any of {count} of the {of} open cells would have helped."
            if count
            else f"No single clue would have helped ({of} tried)."
        )


def clues(model: LoadedModel, puzzle: PuzzleInfo, *, segments: int = 64) -> Iterator[Clues | None]:
    """What it needed: for a puzzle that the model solves the clues without which it fails; else the single clues that let it succeed.

    None after each segment before the first results. A puzzle without a clue may have several solutions: any other than the known one counts as
    a failure, as the model no longer finds what the clue would say. For mazes, clues are open cells off and on the way: MismatchError.
    """
    _check_segments(segments)
    task = known_task(puzzle)
    if isinstance(task, MazeTask) or task is None or not task.known_rules:
        raise MismatchError(f"A {puzzle.task} has no clues to add or take away; this works for Sudoku.")
    assert isinstance(task, SudokuTask)
    if puzzle.solution is None:
        raise UsageError("The puzzle does not have exactly one solution, so nothing says what a clue would be.")
    given, solution = np.asarray(puzzle.given), np.asarray(puzzle.solution)
    base = record(model.model, puzzle, segments=segments, previews=False, state_dtype=None)
    solved = bool(right(puzzle, base.prediction[-1:])[0])  # type: ignore[index]
    blank = task.blanks(task.from_tokens(given))
    cells = np.flatnonzero(~blank if solved else blank)
    boards = np.tile(given, (len(cells), 1))
    empty = int(task.to_tokens(np.zeros(task.cells, np.int8))[0])
    boards[np.arange(len(cells)), cells] = empty if solved else solution[cells]
    matters: list[bool] = []
    outcomes: list[Outcome] = []
    for start, end, found in last_answers(model, puzzle.task, boards, puzzle.identifier, segments):
        if found is None:
            yield None
            continue
        for row in range(end - start):
            answer = found.predictions[0, row]
            succeeds = bool((answer == solution).all())
            matters.append(not succeeds if solved else succeeds)
            outcomes.append(outcome(puzzle, answer, float(found.q_halt[0, row]), base.prediction[-1]))
        yield Clues(solved, tuple(cells[:end].tolist()), tuple(matters), tuple(outcomes))
    if not len(cells):
        yield Clues(solved, (), (), ())


def _check_segments(segments: int) -> None:
    if not 1 <= segments <= 1024:
        raise UsageError(f"{segments} segments were asked for; 1 to 1024 are possible.")

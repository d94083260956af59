"""The public functions of `hrm_model`: a model and a puzzle's text in, plain objects out. Torch is loaded when a model first runs.

>>> import hrm_model
>>> model = hrm_model.load("sudoku-4x4", device="cpu")
>>> trace = hrm_model.record(model, "2.......42.11.4.", segments=4)
>>> trace
Trace of sudoku-4x4 by 'sudoku-4x4': 4 segments, 24 steps, solved, states of 17 positions × 64
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from hrm_model.errors import PuzzleError, UsageError
from hrm_model.loaded import LoadedModel
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.read import parse_any
from hrm_model.tasks.registry import task_named
from hrm_model.trace.counts import sure_cells
from hrm_model.trace.data import Array, PuzzleInfo, Step, Trace
from hrm_model.trace.verdict import verdict

if TYPE_CHECKING:
    from hrm_model.evaluation import Evaluation
    from hrm_model.trace_file.io import States

_STATE_DTYPES = {"full": "float32", "float16": "float16", "none": None}


def parse_puzzle(text: str) -> PuzzleInfo:
    """Read a puzzle of any supported kind and size, and find its solution.

    A Sudoku of 4×4 to 25×25, as one line or as rows; `.`, `0`, `_` or `*` for a blank. Above 9×9 with letters (A is 10) or with numbers
    between spaces or commas. A jigsaw: its cells, then a map with a letter for each cell's region. A maze: rows of `#` (wall), `.`, `S` and `G`.
    An ARC grid: rows of the digits 0 to 9 with `/` between them, or JSON; its solution cannot be computed.
    Raises PuzzleError if the text is not a puzzle, breaks a rule, or does not have exactly one solution.

    >>> import hrm_model
    >>> puzzle = hrm_model.parse_puzzle("2... .... 42.1 1.4.")
    >>> puzzle.task, puzzle.text
    ('sudoku-4x4', '2.......42.11.4.')
    >>> puzzle.given  # tokens: digit + 1, and 1 for a blank
    array([3, 1, 1, 1, 1, 1, 1, 1, 5, 3, 1, 2, 2, 1, 5, 1])
    """
    if not isinstance(text, str):
        raise PuzzleError(f"A puzzle must be a text, or what parse_puzzle made of one; this is of type {type(text).__name__}.")
    task, grid = parse_any(text)
    return PuzzleInfo.of(task, grid, task.solve(grid) if task.known_rules else None)


def reason(
    model: LoadedModel, puzzle: str | PuzzleInfo, *, segments: int = 16, previews: bool = True, states: bool = True
) -> Iterator[Step]:
    """Let a model reason about a puzzle: one Step after each call of a module, as soon as it is computed.

    `previews`: also predict the answer after each L-step, which takes one more H call. `states`: keep z_H and z_L.
    Raises MismatchError if the model reads other puzzles, and PuzzleError.

    >>> import hrm_model
    >>> model = hrm_model.load("sudoku-4x4", device="cpu")
    >>> puzzle = hrm_model.parse_puzzle("2.......42.11.4.")
    >>> for step in hrm_model.reason(model, puzzle, segments=1):
    ...     print(step.h_cycle, step.l_step, step.level, step.state.shape, (step.prediction == puzzle.solution).sum(), "cells right")
    0 0 L (17, 64) 11 cells right
    0 1 L (17, 64) 14 cells right
    0 -1 H (17, 64) 14 cells right
    1 0 L (17, 64) 14 cells right
    1 1 L (17, 64) 16 cells right
    1 -1 H (17, 64) 16 cells right
    """
    from hrm_model.reasoning import reason as steps

    info = _puzzle_for(model, puzzle)
    return steps(model.model.on(info.task), info.given, segments=segments, previews=previews, states=states, puzzle_id=info.identifier)


def record(
    model: LoadedModel,
    puzzle: str | PuzzleInfo,
    *,
    segments: int = 16,
    previews: bool = True,
    states: Literal["full", "float16", "none"] = "full",
) -> Trace:
    """Let a model reason about a puzzle and keep every step. In a notebook the Trace shows its final board and curves.

    `previews`: also predict the answer after each L-step. `states`: how z_H and z_L are kept; 'float16' takes half the memory.
    Raises MismatchError if the model reads other puzzles, PuzzleError and UsageError.

    >>> import hrm_model
    >>> model = hrm_model.load("sudoku-4x4", device="cpu")
    >>> trace = hrm_model.record(model, "2.......42.11.4.", segments=2, states="none")
    >>> len(trace), trace.prediction.shape, trace.probability.shape
    (12, (12, 16), (12, 16, 6))
    """
    from hrm_model.recording import record as whole_trace

    if states not in _STATE_DTYPES:
        raise UsageError(f"states cannot be kept as {states!r}; choose one of {', '.join(_STATE_DTYPES)}")
    info = _puzzle_for(model, puzzle)
    return whole_trace(model.model, info, model.info, segments=segments, previews=previews, state_dtype=_STATE_DTYPES[states])


@dataclass(frozen=True)
class Answer:
    """A model's answer to one puzzle, after its last segment. As text it is the filled board.

    >>> import hrm_model
    >>> model = hrm_model.load("sudoku-4x4", device="cpu")
    >>> answer = hrm_model.solve(model, "2.......42.11.4.", segments=4)
    >>> answer.solved, answer.violations, answer.would_halt_after
    (True, 0, 2)
    >>> answer.tokens  # digit + 1
    array([3, 5, 2, 4, 4, 2, 3, 5, 5, 3, 4, 2, 2, 4, 5, 3])
    >>> print(answer)
    2 4 | 1 3
    3 1 | 2 4
    ----+----
    4 2 | 3 1
    1 3 | 4 2
    """

    puzzle: PuzzleInfo = field(repr=False)  # the question
    tokens: Array = field(repr=False)  # (S,)
    sure: Array = field(repr=False)  # (S,) whether a board shows the answer of a cell; it shows candidates in the other ones
    solved: bool | None  # any solution counts; None if it is not known and there are no rules to tell
    violations: int | None  # broken rules, guesses included; None if the task has no rules that can be checked
    undecided: int  # blank cells whose answer has less than 75 %; `tokens` holds the likeliest
    segments: int  # used
    steps: int  # calls of a module
    would_halt_after: int | None  # the first segment after which the model would stop; None: it never would
    story: str = field(repr=False)  # the run in plain words

    @property
    def text(self) -> str:
        """The cells as one line."""
        task = task_named(self.puzzle.task)
        return task.format_line(task.from_tokens(self.tokens))

    def __str__(self) -> str:
        task = task_named(self.puzzle.task)
        return task.format_grid(task.from_tokens(self.tokens))


def solve(model: LoadedModel, puzzle: str | PuzzleInfo, *, segments: int = 64) -> Answer:
    """A model's answer to a puzzle. It uses all its segments; `would_halt_after` says when it would have stopped.

    Raises MismatchError if the model reads other puzzles, and PuzzleError.

    >>> import hrm_model
    >>> model = hrm_model.load("sudoku-4x4", device="cpu")
    >>> answer = hrm_model.solve(model, "2.......42.11.4.", segments=16)
    >>> answer
    Answer(solved=True, violations=0, undecided=0, segments=16, steps=96, would_halt_after=2)
    >>> answer.story
    'Solved in segment 1. Would stop after segment 2, with the right answer.'
    >>> answer.text
    '2413312442311342'
    """
    from hrm_model.analysis.story import story
    from hrm_model.recording import record as whole_trace

    info = _puzzle_for(model, puzzle)
    task = task_named(info.task)
    trace = whole_trace(model.model, info, model.info, segments=segments, previews=False, state_dtype=None)
    found, tokens = verdict(trace), trace.prediction[-1].astype(np.int64)
    broken = float(task.violations(task.from_tokens(tokens)[None], task.from_tokens(info.given))[0])
    return Answer(
        puzzle=info,
        tokens=tokens,
        sure=sure_cells(trace, slice(-1, None))[0],
        solved=None if info.solution is None and not task.known_rules else found.solved is not None,
        violations=None if np.isnan(broken) else int(broken),
        undecided=int(found.counts.undecided[-1]),
        segments=segments,
        steps=len(trace),
        would_halt_after=None if found.halting is None else found.halting + 1,
        story=str(story(trace, found)),
    )


def evaluate(
    model: LoadedModel, puzzles: str | os.PathLike[str] | Sequence[str | PuzzleInfo], *, segments: int = 64, batch: int = 128
) -> Evaluation:
    """How many puzzles of a file, or of a list, a model solves: one forward pass each, no search, no vote.

    `puzzles`: a file's path (a puzzle a line, .csv, .sdk, .sdm or .ss), or puzzles as text or from `parse_puzzle`. `batch`: how many at once.
    Raises MismatchError if the model reads other puzzles, and PuzzleError.

    >>> import hrm_model
    >>> model = hrm_model.load("sudoku-4x4", device="cpu")
    >>> found = hrm_model.evaluate(model, ["2.......42.11.4.", ".3..1.4....2..3."], segments=16)
    >>> found.puzzles, found.exact
    (2, 1.0)
    """
    from hrm_model.evaluation import evaluate as evaluation_of

    if isinstance(puzzles, str | os.PathLike):
        read = read_puzzles(Path(puzzles), solve=True)
        assert read.solutions is not None
        model.must_read(read.task.name)
        task, given, solutions = read.task, read.puzzles, read.solutions
    else:
        infos = [_puzzle_for(model, puzzle) for puzzle in puzzles]
        if not infos:
            raise UsageError("There are no puzzles to evaluate on.")
        if any(info.solution is None for info in infos):
            raise UsageError("A puzzle without a known solution cannot be evaluated.")
        if any(info.task != infos[0].task for info in infos):
            raise UsageError("The puzzles are of several sizes or kinds (or jigsaws with different maps); evaluate each by itself.")
        task = task_named(infos[0].task)
        given, solutions = (task.from_tokens(np.stack(rows)) for rows in zip(*((i.given, i.solution) for i in infos), strict=True))
    return evaluation_of(model.model, given, solutions, task=task, segments=segments, batch=batch, q_continue=model.q_continue)


def read_trace(path: str | os.PathLike[str], which: str | int = 0, *, trusted: bool = False) -> Trace:
    """One trace of a file, by its place in the file or its name. Needs neither torch nor the model.

    A child process checks the file first, since a damaged file can crash the HDF5 library; `trusted` leaves this out.
    Raises TraceFileError, which names the file and the fault.

    >>> import hrm_model, tempfile
    >>> model = hrm_model.load("sudoku-4x4", device="cpu")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     hrm_model.write_trace(hrm_model.record(model, "2.......42.11.4.", segments=2), f"{folder}/t.h5")
    ...     hrm_model.read_trace(f"{folder}/t.h5")
    Trace of sudoku-4x4 by 'sudoku-4x4': 2 segments, 12 steps, solved, states of 17 positions × 64
    """
    from hrm_model.trace_file.io import read

    return read(path, which, guard=not trusted)


def write_trace(trace: Trace | Sequence[Trace], path: str | os.PathLike[str], *, states: States = "full") -> None:
    """Write one trace, or several, to an HDF5 file that the studio, h5py, h5web and silx open (docs/trace-format.md).

    `states`: 'full', 'float16', 'pooled' (the mean over positions) or 'none'. An existing file is replaced.
    Raises WriteError if the file cannot be written.

    >>> import hrm_model, tempfile
    >>> model = hrm_model.load("sudoku-4x4", device="cpu")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     hrm_model.write_trace(hrm_model.record(model, "2.......42.11.4.", segments=2), f"{folder}/t.h5", states="pooled")
    ...     hrm_model.read_trace(f"{folder}/t.h5").z_H.shape
    (5, 1, 64)
    """
    from hrm_model.trace_file.io import write

    write(path, trace, states=states)


def _puzzle_for(model: LoadedModel, puzzle: str | PuzzleInfo) -> PuzzleInfo:
    info = puzzle if isinstance(puzzle, PuzzleInfo) else parse_puzzle(puzzle)
    model.must_read(info.task)
    return info

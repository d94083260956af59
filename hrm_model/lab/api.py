"""The experiments as functions with the names of the command line. `hrm_model.lab` offers them.

>>> import hrm_model
>>> from hrm_model import lab
>>> model = hrm_model.load("sudoku-4x4", device="cpu")
>>> found = lab.freeze(model, "2.......42.11.4.", module="H", at=0, segments=4)
>>> found.base.solved, found.branches[0].outcome.solved
(True, False)
>>> found.branches[0].name, len(found.branches[0].trace)
('H frozen', 24)
"""

from __future__ import annotations

from typing import Any

from hrm_model.errors import UsageError
from hrm_model.lab.branch import last
from hrm_model.lab.experiment import Experiment, Found
from hrm_model.lab.parameters import complete
from hrm_model.lab.run import read_puzzle, run
from hrm_model.loaded import LoadedModel, load
from hrm_model.trace.data import PuzzleInfo

Puzzle = str | PuzzleInfo


def experiment(kind: str, model: LoadedModel, puzzle: Puzzle, *, segments: int = 16, seed: int = 0, **parameters: Any) -> Found:
    """Do one experiment of a kind; `hrm_model.lab.parameters.USUAL` lists kinds and parameters. HRMError says what does not apply, and why."""
    if not 1 <= segments <= 1024 or seed < 0:
        raise UsageError(f"segments is {segments} and seed {seed}; segments must be 1 to 1024, seed 0 or more")
    info = read_puzzle(puzzle) if isinstance(puzzle, str) else puzzle
    asked = Experiment(kind, complete(kind, parameters), seed, segments)
    return last(run(asked, model, info, models=lambda name: load(name, str(model.model.device))))


def kick(model: LoadedModel, puzzle: Puzzle, **more: Any) -> Found:
    """Add noise to states. `at`, `sigma`, `module`, `cells`, `times`, `seed`, `segments`."""
    return experiment("kick", model, puzzle, **more)


def patch(model: LoadedModel, puzzle: Puzzle, **more: Any) -> Found:
    """Put the states of segment `source` in place of those after segment `at`. `module`, `cells`, `segments`."""
    return experiment("patch", model, puzzle, **more)


def swap(model: LoadedModel, puzzle: Puzzle, other: str, **more: Any) -> Found:
    """z_H, and in a second branch z_L, of another puzzle in place of this one's. `at`, `segments`."""
    return experiment("swap", model, puzzle, other=other, **more)


def freeze(model: LoadedModel, puzzle: Puzzle, **more: Any) -> Found:
    """Do not call a module any more. `module`, `at`, `segments`."""
    return experiment("freeze", model, puzzle, **more)


def cut(model: LoadedModel, puzzle: Puzzle, **more: Any) -> Found:
    """Inject zeros. `path`, `at`, `segments`."""
    return experiment("cut", model, puzzle, **more)


def drop(model: LoadedModel, puzzle: Puzzle, **more: Any) -> Found:
    """Zeros in place of the puzzle's own vector. `at`, `segments`."""
    return experiment("drop", model, puzzle, **more)


def ablate(model: LoadedModel, puzzle: Puzzle, **more: Any) -> Found:
    """Take out a layer, or a part of one. `module`, `layer`, `part`, `at`, `segments`."""
    return experiment("ablate", model, puzzle, **more)


def edit(model: LoadedModel, puzzle: Puzzle, **more: Any) -> Found:
    """Change the puzzle in the middle of thinking. `clues` (cell → symbol), `hold` (cells), `at`, `segments`."""
    clues = {str(cell): str(symbol) for cell, symbol in more.pop("clues", {}).items()}
    return experiment("edit", model, puzzle, clues=clues, **more)


def depth(model: LoadedModel, puzzle: Puzzle, **more: Any) -> Found:
    """Other numbers of cycles and steps. `H_cycles`, `L_cycles`, `at`, `segments`."""
    return experiment("depth", model, puzzle, **more)


def weights(model: LoadedModel, puzzle: Puzzle, other: str, **more: Any) -> Found:
    """Let another model of the same sizes think on. `at`, `segments`."""
    return experiment("weights", model, puzzle, other=other, **more)


def think_on(model: LoadedModel, puzzle: Puzzle, *, segments: int = 256, **more: Any) -> Found:
    """Go on from where the run stands. `start`, `until`, `rules`."""
    return experiment("think-on", model, puzzle, segments=segments, **more)


def tries(model: LoadedModel, puzzle: Puzzle, *, segments: int = 64, **more: Any) -> Found:
    """Many tries in one batch. `starts`, `sigma`, `noise`, `relabel`, `models` (names of further ones), `seed`."""
    return experiment("tries", model, puzzle, segments=segments, **more)


def landscape(model: LoadedModel, puzzle: Puzzle, *, segments: int = 16, at: int | None = None, **more: Any) -> Found:
    """The error landscape around z_H after segment `at` (the last). `side`, `zoom`, `components`."""
    return experiment("landscape", model, puzzle, segments=segments, at=segments if at is None else at, **more)


def basin(model: LoadedModel, puzzle: Puzzle, *, segments: int = 16, at: int | None = None, **more: Any) -> Found:
    """Where starts around z_H after segment `at` (the last) end. `side`, `zoom`, `components`, `think`."""
    return experiment("basin", model, puzzle, segments=segments, at=segments if at is None else at, **more)


def stability(model: LoadedModel, puzzle: Puzzle, **more: Any) -> Found:
    """Singular values of one segment's Jacobian along the run. `count`, `iterations`, `every`, `seed`, `segments`."""
    return experiment("stability", model, puzzle, **more)


def cause(model: LoadedModel, puzzle: Puzzle, what: str = "clues", **more: Any) -> Found:
    """What an answer depends on: 'cells' (`at`, `sigma`, `module`, `think`), 'heads' (`at`) or 'clues'. `segments`, `seed`."""
    kinds = {"cells": "patching", "heads": "heads", "clues": "clues"}
    if what not in kinds:
        raise UsageError(f"Unknown cause {what!r}. Choose one of: {', '.join(kinds)}.")
    return experiment(kinds[what], model, puzzle, **more)

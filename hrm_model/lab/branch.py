"""Branches: from any step of a trace, change something and think on. A branch is a whole trace that shares its parent's past.

Shapes: T positions (puzzle slots, then S cells), D width.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from hrm_model.errors import MismatchError, PuzzleError, TraceError, UsageError
from hrm_model.lab.changes import Change, Depth, Edit, Kick, Patch, Weights, state_at
from hrm_model.lab.noise import Noise
from hrm_model.lab.touched import Touched, cells_of, injected
from hrm_model.loaded import LoadedModel, load
from hrm_model.model import HRM
from hrm_model.reasoning import Place, steps_from, tokens_for
from hrm_model.tasks.registry import task_named
from hrm_model.trace.data import Array, PuzzleInfo, Trace
from hrm_model.trace.recorder import TraceRecorder

T = TypeVar("T")
Loader = Callable[[str], LoadedModel]


@dataclass(frozen=True)
class Branch:
    """A run that shares its parent's steps up to `at`, and what was changed there."""

    trace: Trace  # the whole of it, the shared past too
    at: int  # the last shared step; −1: none, it begins with the initial states
    changes: tuple[Change, ...]  # that happened there
    standing: tuple[Change, ...] = ()  # what the parent's changes had left in force

    @property
    def in_force(self) -> tuple[Change, ...]:
        """What is changed for good in this branch, and in those that begin here."""
        return (*self.standing, *(c for c in self.changes if c.stays))

    @property
    def words(self) -> str:
        """What was done, for people."""
        return ", ".join(c.words() for c in self.changes) or "untouched"


def step_of_segment(trace: Trace, segment: int) -> int:
    """The last step of the first `segment` segments; −1 for 0. UsageError if the trace has fewer."""
    if not 0 <= segment <= trace.segments:
        raise UsageError(f"The run has {trace.segments} segments; it cannot branch after segment {segment}.")
    return trace.segment_end(segment - 1) if segment else -1


def branch(
    model: LoadedModel,
    base: Trace | Branch,
    at: int,
    changes: Sequence[Change] = (),
    *,
    segments: int | None = None,
    previews: bool = True,
    models: Loader | None = None,
) -> Branch:
    """Change something after step `at` of a run, and think on until `segments` segments are complete (None: as many as the parent).

    Without changes the branch equals its parent bit for bit, on a CPU and with states kept in full. `models`: loads the model of a
    `Weights` change; None: `hrm_model.load` on the same device. TraceError if the run's states were not kept; MismatchError if another
    model recorded it; UsageError.
    """
    return last(growing_branch(model, base, at, changes, segments=segments, previews=previews, models=models, every=float("inf")))


def growing_branch(
    model: LoadedModel,
    base: Trace | Branch,
    at: int,
    changes: Sequence[Change] = (),
    *,
    segments: int | None = None,
    previews: bool = True,
    models: Loader | None = None,
    every: float = 0.1,
) -> Iterator[Branch | None]:
    """`branch` as it grows: at most once in `every` seconds and at the end; None after other steps, so that it can be stopped in between."""
    parent, standing = (base.trace, base.in_force) if isinstance(base, Branch) else (base, ())
    changes, in_force = tuple(changes), (*standing, *(c for c in changes if c.stays))
    model = thinking_model(model, in_force, models)
    place, puzzle, x = begin_at(model, parent, at, changes, in_force)
    segments = parent.segments if segments is None else segments
    if segments < place.segment or segments > MOST_SEGMENTS:
        raise UsageError(f"{segments} segments were asked for; this branch can have {max(1, place.segment)} to {MOST_SEGMENTS}.")
    net = model.model.on(puzzle.task)
    touched = Touched(net, in_force)
    recorder = TraceRecorder(puzzle, model.info, capacity=max(at + 1, 0) + (segments - place.segment) * len(touched.calls()))
    if at >= 0:
        recorder.adopt(parent, at + 1)
    begun = parent.segment[at] if at >= 0 else 0
    if place.call and any(isinstance(c, Depth) for c in changes):
        # A segment that was begun ends as it began; the other depth starts with the next one.
        usual = Touched(net, (*standing, *(c for c in changes if c.stays and not isinstance(c, Depth))))
        for step in steps_from(usual, x, place, segments=int(begun) + 1, previews=previews):
            recorder.add(step)
            yield None
        done = recorder.trace()
        z_H, z_L = (_tensor(net, state_at(done, len(done) - 1, level)) for level in "HL")
        place = Place(z_H, z_L, int(begun) + 1)
    shown = time.perf_counter()
    for step in steps_from(touched, x, place, segments=segments, previews=previews):
        recorder.add(step)
        if time.perf_counter() - shown > every:
            yield Branch(recorder.trace(), at, changes, standing)
            shown = time.perf_counter()
        else:
            yield None
    yield Branch(recorder.trace(), at, changes, standing)


MOST_SEGMENTS = 1024


def last(growing: Iterator[T | None]) -> T:
    """The last result of a generator that yields None in between."""
    found = None
    for result in growing:
        found = result if result is not None else found
    assert found is not None
    return found


def thinking_model(model: LoadedModel, changes: Sequence[Change], models: Loader | None = None) -> LoadedModel:
    """The model that thinks: the given one, or that of the last `Weights` change. MismatchError if it has other sizes."""
    others = [c for c in changes if isinstance(c, Weights)]
    if not others:
        return model
    found = models(others[-1].model) if models is not None else load(others[-1].model, str(model.model.device))
    ours, theirs = model.model.config, found.model.config
    for name in ("mixer", "hidden_size", "vocab_size", "puzzle_emb_len", "seq_len"):
        if getattr(ours, name) != getattr(theirs, name):
            raise MismatchError(
                f"{found.name} has {name} {getattr(theirs, name)}, {model.name} {getattr(ours, name)}; states of one do not fit the other."
            )
    return found


def begin_at(
    model: LoadedModel, parent: Trace, at: int, changes: Sequence[Change], in_force: Sequence[Change]
) -> tuple[Place, PuzzleInfo, Tensor]:
    """Where the branch begins, its puzzle, and what is injected."""
    _check_parent(model, parent, at, in_force)
    net, puzzle = model.model.on(parent.puzzle.task), parent.puzzle
    with torch.inference_mode():
        z = {level: _tensor(net, state_at(parent, at, level)) for level in "HL"}
        for change in changes:
            if isinstance(change, Kick):
                noise = Noise([[change.seed, 0]])
                for level in "HL":  # z_H's noise is the same whether z_L is kicked too or not
                    moved = noise.on(z[level], change.sigma)
                    if change.module in (level, "both"):
                        z[level] = _put(net, z[level], moved, change.cells)
            elif isinstance(change, Patch):
                for level in "HL":
                    if change.module in (level, "both"):
                        z[level] = _put(net, z[level], _patched(net, change, level, z[level]), change.cells)
            elif isinstance(change, Edit):
                puzzle = edited(puzzle, change)
        ids = torch.full((1,), puzzle.identifier, device=net.device)
        x = injected(net, tokens_for(net, np.asarray(puzzle.given)[None]), ids, in_force)
    if at < 0:
        return Place(z["H"], z["L"]), puzzle, x
    segment = int(parent.segment[at])
    calls = int((parent.segment[: at + 1] == segment).sum())
    ended = at + 1 < len(parent) and parent.segment[at + 1] != segment or at + 1 == len(parent) and len(parent.q_halt) > segment
    return Place(z["H"], z["L"], segment + ended, 0 if ended else calls), puzzle, x


def _check_parent(model: LoadedModel, parent: Trace, at: int, in_force: Sequence[Change]) -> None:
    if not -1 <= at < len(parent):
        raise UsageError(f"The run has {len(parent)} steps, counted from 0; it cannot branch after step {at}.")
    if parent.pooled:
        raise TraceError("This trace holds only means over all cells. Record it again with full states to branch it.")
    shape = model.model.config.state_shape(len(parent.puzzle.given))
    if parent.state_after(0, "H").shape != shape:
        raise MismatchError(f"The trace's states are {parent.state_after(0, 'H').shape}, those of {model.name} {shape}.")
    known = parent.model.sha256
    if known and known != model.sha256 and not any(isinstance(c, Weights) for c in in_force):
        raise MismatchError(
            f"Another model recorded this trace ({parent.model.name}). Open that model, or branch with other weights on purpose."
        )


def _tensor(model: HRM, state: Array) -> Tensor:
    return torch.as_tensor(np.array(state, np.float32), device=model.device).to(model.dtype)[None]


def _put(model: HRM, old: Tensor, new: Tensor, cells: Sequence[int] | None) -> Tensor:
    """`new` in the chosen cells (None: everywhere), `old` elsewhere."""
    if cells is None:
        return new
    count = cells_of(model, old.shape[1])
    if any(not 0 <= c < count for c in cells):
        raise UsageError(f"The board has {count} cells, counted from 0; there is no cell {next(c for c in cells if not 0 <= c < count)}.")
    places = torch.tensor(list(cells), dtype=torch.long, device=old.device) + old.shape[1] - count
    return old.index_copy(1, places, new[:, places])


def _patched(model: HRM, patch: Patch, level: str, old: Tensor) -> Tensor:
    state = patch.z_H if level == "H" else patch.z_L
    if state is None:
        raise UsageError(f"The patch brings no z_{level}.")
    if tuple(state.shape) != tuple(old.shape[1:]):
        raise MismatchError(f"The patch's states are {tuple(state.shape)}, those of the run {tuple(old.shape[1:])}.")
    return _tensor(model, state)


def edited(puzzle: PuzzleInfo, change: Edit) -> PuzzleInfo:
    """The puzzle with other tokens. Its solution is known if it has exactly one. PuzzleError if a token does not belong there."""
    given = np.array(puzzle.given)
    for cell, token in change.tokens.items():
        if not 0 <= cell < len(given):
            raise UsageError(f"The board has {len(given)} cells, counted from 0; there is no cell {cell}.")
        given[cell] = token
    return puzzle_of(puzzle.task, given, puzzle.identifier)


def puzzle_of(task_name: str, given: Array, identifier: int = 0) -> PuzzleInfo:
    """A puzzle in tokens (S,), with its solution if it has exactly one. PuzzleError if it breaks a rule itself."""
    task = task_named(task_name)
    grid = task.from_tokens(np.asarray(given))
    task.check(grid)
    try:
        solution = task.solve(grid) if task.known_rules else None
    except PuzzleError:
        solution = None  # none, or several: it can be thought about all the same
    return replace(PuzzleInfo.of(task, grid, solution, identifier), given=np.asarray(given))

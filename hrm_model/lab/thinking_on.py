"""Thinking on: a run continues from where it stands, until a halting rule stops it or a number of segments is reached.

Memory is bounded. As long as all steps and states fit, they are kept. Beyond that one step a segment is kept, without states, and beside
it the states at the end of every so many segments. `Thinned` says which.

Shapes: K segments, M kept states, S cells, T positions, D width.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hrm_model.errors import UsageError
from hrm_model.lab.branch import MOST_SEGMENTS, Branch, Loader, begin_at, last, thinking_model
from hrm_model.lab.changes import state_at
from hrm_model.lab.course import Course, course, course_of, relative
from hrm_model.lab.halting import USUAL, Halt, HaltingRule, halts
from hrm_model.lab.touched import Touched
from hrm_model.loaded import LoadedModel
from hrm_model.reasoning import Place, segments_from, steps_from
from hrm_model.trace.data import Array, Step, Trace
from hrm_model.trace.recorder import TraceRecorder

BUDGET = 192 << 20  # bytes of the steps and states of one run
_KEPT_BUDGET = 64 << 20  # bytes of the states that are kept of a thinned run


@dataclass(frozen=True)
class Thinned:
    """Which states of a long run were kept: those after every `every` segments beyond `full` segments, and the last."""

    full: int  # segments of which every step was kept
    every: int
    segments: Array = field(repr=False)  # (M,) after how many segments each was
    z_H: Array = field(repr=False)  # (M, T, D)
    z_L: Array = field(repr=False)  # (M, T, D)

    @property
    def words(self) -> str:
        return (
            f"To bound memory: all steps of the first {self.full} segments, then one step a segment, and the states after every"
            f" {self.every} segments and the last."
        )


@dataclass(frozen=True)
class ThoughtOn:
    """A run that went on."""

    branch: Branch
    course: Course  # of the whole run
    halts: list[Halt]  # what each rule would have cost and missed
    stopped_by: HaltingRule | None  # None: it reached its limit
    thinned: Thinned | None = None  # None: every state was kept


def think_on(model: LoadedModel, base: Trace | Branch, *, segments: int = 64, until: HaltingRule | None = None,
             rules: Sequence[HaltingRule] = USUAL, models: Loader | None = None, budget: int = BUDGET) -> ThoughtOn:  # fmt: skip
    """Think on from the end of a run until `segments` segments are complete, or `until` says stop.

    UsageError if the run has so many already; TraceError if its states were not kept.
    """
    return last(growing_thought(model, base, segments=segments, until=until, rules=rules, models=models, budget=budget, every=float("inf")))


def growing_thought(model: LoadedModel, base: Trace | Branch, *, segments: int = 64, until: HaltingRule | None = None,
                    rules: Sequence[HaltingRule] = USUAL, models: Loader | None = None, budget: int = BUDGET,
                    every: float = 0.1) -> Iterator[ThoughtOn | None]:  # fmt: skip
    """`think_on` as it grows: at most once in `every` seconds and at the end; None after other segments."""
    parent, standing = (base.trace, base.in_force) if isinstance(base, Branch) else (base, ())
    if not parent.segments < segments <= MOST_SEGMENTS:
        raise UsageError(
            f"The run has {parent.segments} segments; it can think on to {parent.segments + 1} to {MOST_SEGMENTS}, not to {segments}."
        )
    model = thinking_model(model, standing, models)
    at, touched = len(parent) - 1, Touched(model.model.on(parent.puzzle.task), standing)
    place, puzzle, x = begin_at(model, parent, at, (), standing)
    whole = bytes_of_steps(model, parent, segments, len(touched.calls())) <= budget
    keeper = (_Whole if whole else _Thinning)(model, parent, segments, touched)
    so_far, learned = course_of(parent), model.q_continue
    parts = [_Part(so_far.answers, so_far.q_halt, parent.q_continue[: len(so_far)], so_far.moved)]
    # A rule looks back so many segments; judging all of a long run after each segment would take longer than thinking.
    looks_back = int(until.value) + 1 if until is not None and until.kind == "unchanged" else 1
    shown, ended = time.perf_counter(), False

    def run(some: Sequence[_Part]) -> Course:
        answers, q_halt, q_continue, moved = (np.concatenate(arrays) for arrays in zip(*some, strict=True))
        return course(puzzle, answers, q_halt, q_continue if learned else None, moved)

    def result(stopped: HaltingRule | None) -> ThoughtOn:
        so_far = run(parts)
        return ThoughtOn(Branch(keeper.recorder.trace(), at, (), standing), so_far, halts(so_far, rules), stopped, keeper.thinned())

    for part in keeper.think(touched, x, place, segments):
        if part is None:
            yield None
            continue
        parts.append(part)
        ended = until is not None and bool(until.stops(run(parts[-looks_back:]))[-1])
        if ended:
            break
        if time.perf_counter() - shown > every:
            yield result(None)
            shown = time.perf_counter()
        else:
            yield None
    yield result(until if ended else None)


class _Part(NamedTuple):
    """Segments of a `Course`."""

    answers: Array  # (K, S)
    q_halt: Array  # (K,)
    q_continue: Array  # (K,)
    moved: Array  # (K,)


def bytes_of_steps(model: LoadedModel, parent: Trace, segments: int, calls: int) -> int:
    """Bytes of all steps of a run that goes on to so many segments: a state, and a distribution for each cell."""
    steps = len(parent) + (segments - parent.segments) * calls
    positions, width = model.model.config.state_shape(len(parent.puzzle.given))
    return steps * 4 * (positions * width + len(parent.puzzle.given) * parent.probability.shape[-1])


class _Whole:
    """Keeps every step and state."""

    def __init__(self, model: LoadedModel, parent: Trace, segments: int, touched: Touched) -> None:
        more = (segments - parent.segments) * len(touched.calls())
        self.recorder = TraceRecorder(parent.puzzle, model.info, capacity=len(parent) + more)
        self.recorder.adopt(parent, len(parent))
        self._before = np.asarray(state_at(parent, len(parent) - 1, "H"), np.float32)

    def think(self, touched: Touched, x: Tensor, place: Place, segments: int) -> Iterator[_Part | None]:
        now = self._before
        for step in steps_from(touched, x, place, segments=segments):
            self.recorder.add(step)
            assert step.state is not None
            now = step.state if step.level == "H" else now
            if step.q_halt is None:
                yield None
                continue
            assert step.prediction is not None
            moved = relative(float(np.linalg.norm(now - self._before)), float(np.linalg.norm(self._before)))
            self._before = now
            yield _Part(step.prediction[None], *(np.array([v], np.float32) for v in (step.q_halt, step.q_continue, moved)))

    def thinned(self) -> Thinned | None:
        return None


class _Thinning:
    """Keeps one step a segment, and the states after every so many segments."""

    def __init__(self, model: LoadedModel, parent: Trace, segments: int, touched: Touched) -> None:
        self._model = model
        positions, width = model.model.config.state_shape(len(parent.puzzle.given))
        most = max(2, _KEPT_BUDGET // (8 * positions * width))
        self._every = max(1, -(-(segments - parent.segments) // most))
        self._full, self._last = parent.segments, touched.calls()[-1].h_cycle
        self._kept: dict[int, tuple[Array, Array]] = {}
        self.recorder = TraceRecorder(parent.puzzle, model.info, state_dtype=None, capacity=len(parent) + segments - parent.segments)
        self.recorder.adopt(parent, len(parent))
        self._place: Place | None = None

    def think(self, touched: Touched, x: Tensor, place: Place, segments: int) -> Iterator[_Part | None]:
        size = float(place.z_H.float().norm())
        for self._place, found in segments_from(touched, x, place, segments=segments):
            with torch.inference_mode():
                probability = touched.logits(self._place.z_H, x)[0].float().softmax(dim=-1).cpu().numpy()
                moved, size = relative(float(found.moved[0, 0]), size), float(self._place.z_H.float().norm())
            done = self._place.segment
            q_halt, q_continue = float(found.q_halt[0, 0]), float(found.q_continue[0, 0])
            self.recorder.add(Step(done - 1, self._last, -1, "H", None, found.predictions[0, 0], probability, q_halt, q_continue))
            if (done - self._full) % self._every == 0:
                self._kept[done] = _states(self._place)
            yield _Part(found.predictions[0], found.q_halt[0], found.q_continue[0], np.array([moved], np.float32))

    def thinned(self) -> Thinned | None:
        if self._place is None:
            return None
        kept = self._kept | {self._place.segment: _states(self._place)}
        z_H, z_L = (np.stack([states[k] for states in kept.values()]) for k in (0, 1))
        return Thinned(self._full, self._every, np.array(list(kept)), z_H, z_L)


def _states(place: Place) -> tuple[Array, Array]:
    z_H, z_L = (z[0].float().cpu().numpy().copy() for z in (place.z_H, place.z_L))
    return z_H, z_L

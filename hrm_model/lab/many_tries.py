"""Many tries at one puzzle in one batch: kicked starts, noise in every segment, relabelled copies, other models.

Shapes: K segments, R tries, S cells, T positions, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hrm_model.errors import MismatchError, UsageError
from hrm_model.lab.branch import MOST_SEGMENTS
from hrm_model.lab.choose import Chosen, choices
from hrm_model.lab.course import Course, course
from hrm_model.lab.noise import Noise
from hrm_model.loaded import LoadedModel
from hrm_model.model import HRM
from hrm_model.reasoning import Nudge, Place, segments_from, steps_from, tokens_for
from hrm_model.relabel import Relabelling, random_relabelling
from hrm_model.trace.data import Array, PuzzleInfo, Trace
from hrm_model.trace.recorder import TraceRecorder

MOST_TRIES = 1024


@dataclass(frozen=True)
class Try:
    """One way to begin. Data: it comes out the same each time."""

    number: int  # its place among the tries; 0 is the puzzle as it is
    sigma: float = 0.0  # kick of the initial states, in their own size
    noise: float = 0.0  # the same before each segment
    relabel: int = 0  # number of the symmetric copy; 0: as it is
    model: int = 0  # which of the models

    def words(self, models: Sequence[str] = ()) -> str:
        """For people."""
        said = [f"kicked by {self.sigma:g}"] if self.sigma else []
        said += [f"noise of {self.noise:g}"] if self.noise else []
        said += [f"relabelled {self.relabel}"] if self.relabel else []
        said += [models[self.model] if models else f"model {self.model + 1}"] if self.model else []
        return ", ".join(said) or "as it is"


@dataclass(frozen=True)
class Plan:
    """Which tries are made. UsageError if the numbers make no sense."""

    starts: int = 0  # tries from kicked initial states
    sigma: float = 1.0  # size of these kicks
    noise: float = 0.0  # before each segment, of all tries but the first
    relabel: int = 0  # relabelled copies
    models: int = 1  # how many models; each further one adds a try as it is
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("starts", "relabel"):
            if not 0 <= getattr(self, name) < MOST_TRIES:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be 0 to {MOST_TRIES - 1}")
        for name in ("sigma", "noise"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise UsageError(f"{name} is {getattr(self, name)}; it must be a finite number of 0 or more")
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}; it must be 0 or more")
        if self.starts + self.relabel + self.models < 2:
            raise UsageError("There is nothing to try: give starts, relabelled copies or other models.")

    def tries(self) -> list[Try]:
        """The puzzle as it is, then starts, copies, and the other models."""
        ways: list[dict[str, Any]] = [{}]
        ways += [{"sigma": self.sigma, "noise": self.noise}] * self.starts
        ways += [{"relabel": k, "noise": self.noise} for k in range(1, self.relabel + 1)]
        ways += [{"model": m} for m in range(1, self.models)]
        return [Try(number, **way) for number, way in enumerate(ways)]


@dataclass(frozen=True)
class Tried:
    """What the tries came to so far. Answers are those of the original puzzle, relabelled ones mapped back."""

    puzzle: PuzzleInfo
    tries: list[Try] = field(repr=False)
    answers: Array  # (K, R, S) tokens
    q_halt: Array  # (K, R)
    q_continue: Array  # (K, R)
    moved: Array  # (K, R) ‖Δz_H‖ / ‖z_H‖ of the segment
    learned: tuple[bool, ...]  # of each try's model: whether it learned q_continue

    def course(self, number: int) -> Course:
        """Of one try."""
        q_continue = self.q_continue[:, number] if self.learned[number] else None
        return course(self.puzzle, self.answers[:, number], self.q_halt[:, number], q_continue, self.moved[:, number])

    def chosen(self) -> list[Chosen]:
        """The answer of each choice rule."""
        return choices([self.course(number) for number in range(len(self.tries))])


def tries(models: LoadedModel | Sequence[LoadedModel], puzzle: PuzzleInfo, plan: Plan, *, segments: int = 64) -> Tried:
    """All segments of `growing_tries`."""
    *_, done = growing_tries(models, puzzle, plan, segments=segments, every_segment=False)
    return done


def growing_tries(
    models: LoadedModel | Sequence[LoadedModel], puzzle: PuzzleInfo, plan: Plan, *, segments: int = 64, every_segment: bool = True
) -> Iterator[Tried]:
    """The tries after each segment, all models side by side. MismatchError if a model does not read the puzzle; UsageError."""
    many = _checked(models, puzzle, plan, segments)
    batches = [_Batch(model, puzzle, [t for t in plan.tries() if t.model == m], plan.seed) for m, model in enumerate(many)]
    order = np.argsort([t.number for batch in batches for t in batch.tries])
    running = [segments_from(b.model, b.x, b.place, segments=segments, nudge=b.nudge) for b in batches]
    sizes = [_norms(b.place.z_H) for b in batches]
    learned = tuple(many[t.model].q_continue for t in plan.tries())
    parts: list[tuple[Array, ...]] = []
    for segment in range(segments):
        found = []
        for k, (batch, run) in enumerate(zip(batches, running, strict=True)):
            place, now = next(run)
            found.append((batch.back(now.predictions[0]), now.q_halt[0], now.q_continue[0], now.moved[0] / sizes[k]))
            sizes[k] = _norms(place.z_H)
        parts.append(tuple(np.concatenate(arrays)[order] for arrays in zip(*found, strict=True)))
        if every_segment or segment == segments - 1:
            answers, q_halt, q_continue, moved = (np.stack(arrays) for arrays in zip(*parts, strict=True))
            yield Tried(puzzle, plan.tries(), answers, q_halt, q_continue, moved, learned)


def trace_of_try(
    models: LoadedModel | Sequence[LoadedModel], puzzle: PuzzleInfo, plan: Plan, number: int, *, segments: int = 64
) -> Iterator[Trace | None]:
    """The whole trace of one try; None after each step before the end.

    All tries of its model are computed again beside it: alone, a try may round differently, and end elsewhere.
    """
    many = _checked(models, puzzle, plan, segments)
    wanted = plan.tries()[number]
    batch = _Batch(many[wanted.model], puzzle, [t for t in plan.tries() if t.model == wanted.model], plan.seed)
    row = batch.tries.index(wanted)
    change = batch.relabellings[row]
    recorder = TraceRecorder(
        change.puzzle(puzzle) if change else puzzle, many[wanted.model].info, capacity=segments * len(batch.model.calls())
    )
    for step in steps_from(batch.model, batch.x, batch.place, segments=segments, row=row, nudge=batch.nudge):
        recorder.add(step)
        yield None
    made = recorder.trace()
    yield change.undone(made) if change else made


def _checked(models: LoadedModel | Sequence[LoadedModel], puzzle: PuzzleInfo, plan: Plan, segments: int) -> list[LoadedModel]:
    many = [models] if isinstance(models, LoadedModel) else list(models)
    if len(many) != plan.models:
        raise UsageError(f"The plan is for {plan.models} models; {len(many)} were given.")
    if not 1 <= segments <= MOST_SEGMENTS:
        raise UsageError(f"{segments} segments were asked for; 1 to {MOST_SEGMENTS} are possible.")
    for model in many:
        model.must_read(puzzle.task)
        if plan.relabel and model.model.config.mixer == "units":
            raise UsageError(f"{model.name} is symmetric: it answers relabelled copies of a puzzle alike. Try other starts instead.")
    return many


class _Batch:
    """The tries of one model: what it is given, and where each begins."""

    def __init__(self, loaded: LoadedModel, puzzle: PuzzleInfo, tries: list[Try], seed: int) -> None:
        model = self.model = loaded.model.eval().on(puzzle.task)
        self.tries = tries
        self.relabellings = [relabelling(puzzle.task, seed, t.relabel) for t in tries]
        given = np.stack([r.apply(puzzle.given) if r else np.asarray(puzzle.given) for r in self.relabellings])
        if not 0 <= puzzle.identifier < model.config.num_puzzle_identifiers:
            raise MismatchError(f"puzzle {puzzle.identifier} was asked for; the model has vectors of {model.config.num_puzzle_identifiers}")
        with torch.inference_mode():
            self.x = model.embed(tokens_for(model, given), torch.full((len(tries),), puzzle.identifier, device=model.device))
            z_H, z_L = start_states(model, len(tries), given.shape[1])
            streams = Noise([[seed, t.number] for t in tries])
            kicks = [t.sigma for t in tries]
            if any(kicks):
                z_H, z_L = streams.on(z_H, kicks), streams.on(z_L, kicks)
            self.place = Place(z_H, z_L)
        noise = [t.noise for t in tries]
        self.nudge: Nudge | None = (lambda H, L: (streams.on(H, noise), streams.on(L, noise))) if any(noise) else None

    def back(self, answers: Array) -> Array:
        """Answers (R, S) of relabelled puzzles as those of the original one."""
        return np.stack([r.back(a) if r else a for r, a in zip(self.relabellings, answers, strict=True)]).astype(answers.dtype)


def relabelling(task: str, seed: int, number: int) -> Relabelling | None:
    """The symmetric copy of that number; None for 0. PuzzleError if no symmetry of the task is known."""
    return random_relabelling(task, np.random.default_rng([seed, number])) if number else None


def start_states(model: HRM, count: int, cells: int) -> tuple[Tensor, Tensor]:
    """z_H and z_L before the first segment, (B, T, D) each."""
    return model.initial_state(count, cells)


def _norms(z: Tensor) -> Array:
    """(B,) of states (B, T, D); never 0."""
    with torch.inference_mode():
        found: Array = z.float().flatten(1).norm(dim=1).clamp(min=1e-12).cpu().numpy()
        return found

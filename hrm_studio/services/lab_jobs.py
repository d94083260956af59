"""Experiments of the Lab as jobs: each function makes one that `Reasoner.run` runs in the worker thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hrm_model.analysis.puzzle_results import wilson
from hrm_model.lab.changes import Change
from hrm_model.lab.choose import Chosen
from hrm_model.lab.course import course_of
from hrm_model.lab.halting import Halt
from hrm_model.lab.outcome import Outcome, outcome_of
from hrm_model.lab.story import Story, story
from hrm_model.trace.data import ModelInfo, PuzzleInfo, Trace
from hrm_studio.services.model_jobs import ModelJob

if TYPE_CHECKING:
    from hrm_model.lab.branch import Branch
    from hrm_model.lab.many_tries import Tried
    from hrm_model.loaded import LoadedModel


@dataclass(frozen=True)
class RunFound:
    """A branch as far as it was computed, and what it came to."""

    trace: Trace = field(repr=False)
    at: int  # the last step that it shares with its parent
    changes: tuple[Change, ...]
    standing: tuple[Change, ...]  # what the parent's changes had left in force
    story: Story
    outcome: Outcome  # beside the base
    halts: list[Halt] = field(default_factory=list)  # of a run that thought on
    note: str = ""  # which states were kept, if not all
    done: bool = False


@dataclass(frozen=True)
class TriesFound:
    """Tries so far. `boards` has a step for each try: its answer."""

    boards: Trace = field(repr=False)
    names: list[str]
    right: list[bool] | None  # of each try; None if nothing says what is right
    chosen: list[Chosen]
    segment: int  # complete so far
    segments: int

    @property
    def done(self) -> bool:
        return self.segment == self.segments

    @property
    def words(self) -> str:
        """What came of it."""
        if self.right is None:
            return f"{len(self.names)} tries, {self.segment} of {self.segments} segments."
        good = sum(self.right)
        low, high = wilson(good, len(self.right))
        share = f"{good} of {len(self.right)} tries are right (95 %: {low:.0%} to {high:.0%})"
        rules = {
            "vote": "the vote",
            "q_halt": "the highest q_halt",
            "movement": "the smallest movement",
            "violations": "the fewest broken rules",
            "first": "the first to halt",
        }
        picks = [rules[c.rule] for c in self.chosen if c.right]
        told = f"Right answers are chosen by {', '.join(picks)}." if picks else "No rule chooses a right answer."
        return f"{share} after {self.segment} of {self.segments} segments. {told}"


def judged(trace: Trace) -> tuple[Story, Outcome]:
    """What happened in a whole run. Takes a while for long ones: not for the GUI thread."""
    return story(course_of(trace)), outcome_of(trace)


def branch_job(
    base: Trace, at: int, changes: Sequence[Change], standing: Sequence[Change], root: Trace, segments: int
) -> ModelJob[RunFound]:
    """A branch as it grows. `root`: the run that its cells are compared with."""

    def job(loaded: LoadedModel) -> Iterator[RunFound | None]:
        from hrm_model.lab.branch import Branch, growing_branch

        parent = Branch(base, -1, tuple(standing))
        found: Branch | None = None
        for found in growing_branch(loaded, parent, at, changes, segments=segments):
            yield None if found is None else _run(found, root, done=False)
        assert found is not None
        yield _run(found, root, done=True)

    return job


def think_job(base: Trace, standing: Sequence[Change], root: Trace, segments: int) -> ModelJob[RunFound]:
    """The run goes on from its end."""

    def job(loaded: LoadedModel) -> Iterator[RunFound | None]:
        from hrm_model.lab.branch import Branch
        from hrm_model.lab.thinking_on import growing_thought

        found = None
        for thought in growing_thought(loaded, Branch(base, -1, tuple(standing)), segments=segments):
            found = thought or found
            yield None if thought is None else _run(thought.branch, root, done=False)
        assert found is not None
        note = "" if found.thinned is None else found.thinned.words
        yield RunFound(
            found.branch.trace,
            found.branch.at,
            (),
            tuple(standing),
            story(found.course),
            outcome_of(found.branch.trace, root),
            found.halts,
            note,
            True,
        )

    return job


def other_job(puzzle: PuzzleInfo, root: Trace, segments: int) -> ModelJob[RunFound]:
    """Another model on the same puzzle, from its own initial states."""

    def job(loaded: LoadedModel) -> Iterator[RunFound | None]:
        from hrm_model.recording import growing_trace

        loaded.must_read(puzzle.task)
        for trace in growing_trace(loaded.model, puzzle, loaded.info, segments=segments):
            done = trace is not None and len(trace.q_halt) == segments
            yield None if trace is None else RunFound(trace, -1, (), (), story(course_of(trace)), outcome_of(trace, root), done=done)

    return job


def tries_job(
    puzzle: PuzzleInfo, segments: int, *, starts: int = 0, relabel: int = 0, sigma: float = 1.0, noise: float = 0.0, seed: int = 0
) -> ModelJob[TriesFound]:
    """Many tries in one batch, after each segment."""

    def job(loaded: LoadedModel) -> Iterator[TriesFound | None]:
        from hrm_model.lab.many_tries import Plan, growing_tries

        plan = Plan(starts, sigma, noise, relabel, 1, seed)
        for tried in growing_tries(loaded, puzzle, plan, segments=segments):
            yield _tries(tried, loaded.info, segments)

    return job


def try_job(
    puzzle: PuzzleInfo,
    root: Trace,
    segments: int,
    number: int,
    *,
    starts: int = 0,
    relabel: int = 0,
    sigma: float = 1.0,
    noise: float = 0.0,
    seed: int = 0,
) -> ModelJob[RunFound]:
    """The whole trace of one of these tries."""

    def job(loaded: LoadedModel) -> Iterator[RunFound | None]:
        from hrm_model.lab.many_tries import Plan, trace_of_try

        plan = Plan(starts, sigma, noise, relabel, 1, seed)
        for trace in trace_of_try(loaded, puzzle, plan, number, segments=segments):
            yield None if trace is None else RunFound(trace, -1, (), (), story(course_of(trace)), outcome_of(trace, root), done=True)

    return job


@dataclass(frozen=True)
class CluesFound:
    """What single clues do, in words, and the cells that matter."""

    words: str
    cells: tuple[int, ...]


def clues_job(puzzle: PuzzleInfo, segments: int) -> ModelJob[CluesFound]:
    """Which single clues it needs, or which would help."""

    def job(loaded: LoadedModel) -> Iterator[CluesFound | None]:
        from hrm_model.lab.causes import clues

        for found in clues(loaded, puzzle, segments=segments):
            yield None if found is None else CluesFound(found.words, found.those)

    return job


def _run(branch: Branch, root: Trace, *, done: bool) -> RunFound:
    told, outcome = story(course_of(branch.trace)), outcome_of(branch.trace, root)
    return RunFound(branch.trace, branch.at, branch.changes, branch.standing, told, outcome, done=done)


def _tries(tried: Tried, model: ModelInfo, segments: int) -> TriesFound:
    ends = tried.answers[-1]
    count, vocabulary = (
        len(ends),
        int(max(ends.max(), tried.puzzle.given.max(), 0 if tried.puzzle.solution is None else tried.puzzle.solution.max())) + 1,
    )
    steps = np.arange(count, dtype=np.int32)
    zeros = np.zeros(count, np.int32)
    # A trace with a step for each try, so that boards are drawn as everywhere else.
    boards = Trace(
        tried.puzzle, model, steps, zeros, zeros - 1, zeros.astype(np.int8) + 1, zeros, zeros, ends,
        np.eye(vocabulary, dtype=np.float32)[ends], tried.q_halt[-1], tried.q_continue[-1],
    )  # fmt: skip
    courses = [tried.course(k) for k in range(count)]
    known = [c.right for c in courses]
    right = None if any(r is None for r in known) else [bool(r[-1]) for r in known if r is not None]
    return TriesFound(boards, [t.words() for t in tried.tries], right, tried.chosen(), len(tried.q_halt), segments)

"""Recording a run: one loop that keeps every step as it is computed. The studio, the command line and `record` all use it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from hrm_model.model import HRM
from hrm_model.reasoning import reason
from hrm_model.trace.data import ModelInfo, PuzzleInfo, Step, Trace
from hrm_model.trace.recorder import TraceRecorder


class StepKeeper(Protocol):
    """Stores steps: a TraceRecorder (in memory) or a TraceWriter (a file)."""

    def add(self, step: Step) -> None: ...


def recorded_steps(
    model: HRM, puzzle: PuzzleInfo, keeper: StepKeeper, *, segments: int = 16, previews: bool = True, states: bool = True
) -> Iterator[Step]:
    """The steps of `reason` on one puzzle, each yielded after `keeper` has stored it."""
    for step in reason(
        model.on(puzzle.task), puzzle.given, segments=segments, previews=previews, states=states, puzzle_id=puzzle.identifier
    ):
        keeper.add(step)
        yield step


def growing_trace(
    model: HRM, puzzle: PuzzleInfo, info: ModelInfo, *, segments: int = 16, until_halt: bool = False, every: float = 0.1
) -> Iterator[Trace | None]:
    """One run as a Trace that grows: after the first step, then at most once in `every` seconds, and at the end the whole one.

    After all other steps it yields None, so that the caller can stop, or do something else, between two steps.
    `until_halt`: it ends with the first segment after which the model would stop.
    """
    recorder = TraceRecorder(puzzle, info, capacity=segments * len(model.calls()))
    shown = float("-inf")
    for step in recorded_steps(model, puzzle, recorder, segments=segments):
        if until_halt and step.q_halt is not None:
            least = step.q_continue if info.config.get("q_continue", True) else None
            if step.q_halt > (0 if least is None else least):
                break
        if time.perf_counter() - shown > every:
            yield recorder.trace()
            shown = time.perf_counter()
        else:
            yield None
    yield recorder.trace()


def record(
    model: HRM,
    puzzle: PuzzleInfo,
    info: ModelInfo | str = "",
    *,
    segments: int = 16,
    previews: bool = True,
    state_dtype: str | None = "float32",
) -> Trace:
    """The whole Trace of one puzzle. `info`: what the trace says of the model, or just its name; `state_dtype`: how states are kept, None leaves them out."""
    info = model_info(model, info) if isinstance(info, str) else info
    recorder = TraceRecorder(puzzle, info, state_dtype=state_dtype, capacity=segments * len(model.calls()))
    for _ in recorded_steps(model, puzzle, recorder, segments=segments, previews=previews, states=state_dtype is not None):
        pass
    return recorder.trace()


def model_info(model: HRM, name: str = "", *, q_continue: bool = True, sha256: str = "") -> ModelInfo:
    """The facts about a model that its traces keep. `q_continue`: whether it learned the continue value; `sha256`: of its weights file, if it has one."""
    return ModelInfo(name, model.config.model_dump() | {"q_continue": q_continue}, sha256)

"""What a whole trace comes to: when it was solved, where it would halt, and what its board shows at each step. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

from hrm_model.trace.arrays import TraceArrays
from hrm_model.trace.counts import Counts, counts
from hrm_model.trace.curves import halting_segment, lasting, right_steps


@dataclass(frozen=True)
class Verdict:
    """The outcome of a whole trace."""

    solved: int | None  # the first step from which on every answer is right
    halting: int | None  # the first segment after which the model would stop
    halts_right: bool | None  # whether its answer is right there; None if it never stops, or if no solution is known
    first_right: int | None  # the first step whose answer is right, even if it is lost again
    counts: Counts  # what the board shows


def verdict(trace: TraceArrays, known: Verdict | None = None) -> Verdict:
    """All of a trace's outcome at once. `known`: that of the same run with fewer steps, whose steps are not counted again."""
    right, halting = right_steps(trace), halting_segment(trace)
    first = int(right.argmax()) if right is not None and right.any() else None
    halts_right = None if right is None or halting is None else bool(right[trace.segment_end(halting)])
    return Verdict(lasting(right), halting, halts_right, first, counts(trace, right, None if known is None else known.counts))

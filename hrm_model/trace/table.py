"""The curves of a trace as columns, a row a step. NumPy only."""

from __future__ import annotations

import numpy as np

from hrm_model.trace.arrays import LEVEL_NAMES, Array, TraceArrays
from hrm_model.trace.curves import accuracy, confidence, residuals, violations, would_halt
from hrm_model.trace.verdict import verdict

_COUNTED = ("right", "wrong", "undecided", "given_changed", "breaks", "right_guesses", "guess_breaks")  # fields of `Counts`


def step_table(trace: TraceArrays) -> dict[str, Array]:
    """Columns (N,) by name. NaN if a trace has no such number; the Q values and `would_halt` stand in the last row of each segment.

    `accuracy` and `violations` include guesses; the cells that a board shows as decided or not are counted as in `Counts`.
    """
    count, found = len(trace), verdict(trace)
    ends = [trace.segment_end(segment) for segment in range(len(trace.q_halt))]

    def at_ends(values: Array) -> Array:
        column = np.full(count, np.nan)
        column[ends] = values
        return column

    return {
        "step": np.arange(count),
        "segment": trace.segment,
        "h_cycle": trace.h_cycle,
        "l_step": trace.l_step,
        "level": np.array(LEVEL_NAMES)[trace.level],
        "residual": residuals(trace),
        "confidence": confidence(trace),
        "accuracy": accuracy(trace),
        "violations": np.asarray(violations(trace), np.float64),
        **{name: getattr(found.counts, name) for name in _COUNTED},
        "solved": np.arange(count) >= (count if found.solved is None else found.solved),
        "q_halt": at_ends(trace.q_halt),
        "q_continue": at_ends(trace.q_continue),
        "would_halt": at_ends(would_halt(trace)),
    }

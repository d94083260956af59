"""The curves of a trace as columns, a row a step. NumPy only."""

from __future__ import annotations

import numpy as np

from hrm_model.trace.arrays import LEVEL_NAMES, Array, TraceArrays
from hrm_model.trace.curves import confidence, residuals, verdict, would_halt


def step_table(trace: TraceArrays) -> dict[str, Array]:
    """Columns (N,) by name. NaN if a trace has no such number; the Q values and `would_halt` stand in the last row of each segment."""
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
        "accuracy": found.accuracy,
        "violations": np.asarray(found.violations, np.float64),
        "solved": np.arange(count) >= (count if found.solved is None else found.solved),
        "q_halt": at_ends(trace.q_halt),
        "q_continue": at_ends(trace.q_continue),
        "would_halt": at_ends(would_halt(trace)),
    }

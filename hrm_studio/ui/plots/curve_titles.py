"""Titles of the curves over a trace: what is drawn, in which colour, and what the trace lacks."""

from __future__ import annotations

import numpy as np

from hrm_model.trace.data import Trace
from hrm_model.trace.verdict import Verdict
from hrm_studio.theme import Palette
from hrm_studio.ui.plots.plot import legend_entry, mark_entry


def learned_to_continue(trace: Trace | None) -> bool:
    """Whether the model of the trace has a q_continue. Without a trace: yes, as most models have."""
    return trace is None or bool(trace.model.config.get("q_continue", True))


def curve_title(name: str, trace: Trace | None, verdict: Verdict | None, colours: Palette) -> str:
    """The title of the plot `name`, as HTML. `verdict` is that of the trace; None without a trace, or before its first step."""
    unsolved = verdict is not None and trace is not None and trace.puzzle.solution is None
    if name == "residuals":
        if verdict is not None and trace is not None and not trace.has_states:
            return "movement: trace without states"
        return f"movement &nbsp; {legend_entry(colours.level_H, 'H')} &nbsp; {legend_entry(colours.level_L, 'L')}"
    if name == "violations":
        return "rule breaks" if verdict is None or np.isfinite(verdict.counts.breaks).any() else "no fixed rules"
    if name == "sureness" and unsolved:
        return f"{legend_entry(colours.series[3], 'sure')} &nbsp; no solution known"
    if name == "loss" and unsolved:
        return "loss: no solution known"
    if name == "sureness":
        names = ((colours.right, "right"), (colours.wrong, "wrong"), (colours.series[3], "sure"))
        star = [mark_entry(colours.right, "★", "solved")] if verdict is not None and verdict.solved is not None else []
        return " &nbsp; ".join([*(legend_entry(colour, text) for colour, text in names), *star])
    if name in ("entropy", "loss"):
        return "entropy (bits per cell)" if name == "entropy" else "loss (nats per cell)"
    halt = legend_entry(colours.right, "q_halt")
    stops = verdict is not None and verdict.halting is not None
    diamond = f" &nbsp; {mark_entry(colours.warning, '◆', 'would halt')}" if stops else ""
    if not learned_to_continue(trace):
        return f"{halt} (above 0: halts){diamond}"
    return f"{halt} &nbsp; {legend_entry(colours.warning, 'q_continue')}{diamond}"

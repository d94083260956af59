"""What happens at a step, in words for people who do not know the model."""

from __future__ import annotations

import numpy as np

from hrm_model.analysis.core import Verdict
from hrm_model.trace.data import LEVEL_H, Trace
from hrm_studio.ui.board.drawing import percent


def narrate(trace: Trace, step: int, verdict: Verdict) -> tuple[str, str]:
    """Two short lines: which module works; what the board shows and what this step changed."""
    if trace.level[step] == LEVEL_H:
        what, shown = "The slow module H updates its plan", "the answer so far"
    else:
        number, count = int(trace.l_step[step]) + 1, int(trace.l_step.max()) + 1
        what = f"The fast module L works out details, {number} of {count}"
        shown = "a preview of the answer"
    return what, " · ".join([f"Segment {trace.segment[step] + 1}: {shown}", *_outcome(trace, step, verdict)])


def _outcome(trace: Trace, step: int, verdict: Verdict) -> list[str]:
    words = []
    changed = int((trace.prediction[step] != trace.prediction[step - 1]).sum()) if step else 0
    if verdict.solved is not None and step >= verdict.solved:
        words.append("★ solved")
        if step > verdict.solved:
            words.append("it no longer changes")
        return words
    if step:
        words.append("no cell changed" if not changed else f"{changed} cell{'s' if changed > 1 else ''} changed")
    right, broken = float(verdict.accuracy[step]), float(verdict.violations[step])
    if np.isfinite(right):
        words.append(f"{percent(right)} right")
    if np.isfinite(broken):
        words.append("no rule broken" if not broken else f"{broken:.0f} rule break{'s' if broken > 1 else ''}")
    return words

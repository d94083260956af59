"""What happens at a step, in words for people who do not know the model."""

from __future__ import annotations

import numpy as np

from hrm_model.analysis.cells import previewed, surer_cells
from hrm_model.analysis.states import moved_share
from hrm_model.analysis.story import plural
from hrm_model.trace.data import LEVEL_H, Trace
from hrm_studio.ui.board.drawing import percent


def narrate(trace: Trace, step: int) -> tuple[str, str]:
    """Two short lines: which module works (begins with a small letter); what this step did."""
    if trace.level[step] == LEVEL_H:
        return "the slow module H updates its plan", " · ".join(_plan(trace, step))
    number, count = int(trace.l_step[step]) + 1, int(trace.l_step.max()) + 1
    changed = [_changed(trace, step - 1, step)] if step else []
    return f"the fast module L works out details, {number} of {count}", " · ".join(
        ["A preview of the answer", *changed, *_moved(trace, step)]
    )


def headline(trace: Trace, step: int) -> str:
    """'Segment 3: the slow module H updates its plan'."""
    return f"Segment {trace.segment[step] + 1}: {narrate(trace, step)[0]}"


def _plan(trace: Trace, step: int) -> list[str]:
    """An H step's answer is the preview of the L-step before it, so its work shows against the H step before."""
    words = ["As the preview showed" if previewed(trace, step) else "The answer so far"]
    earlier = np.flatnonzero(trace.level[:step] == LEVEL_H)
    if len(earlier):
        before = int(earlier[-1])
        surer = int(surer_cells(trace, before, step).sum())
        words.append(f"{_changed(trace, before, step)} since H's last step" + (f", {surer} surer" if surer else ""))
    return [*words, *_moved(trace, step)]


def _changed(trace: Trace, before: int, step: int) -> str:
    changed = int((trace.prediction[step] != trace.prediction[before]).sum())
    return f"{plural(changed, 'cell') if changed else 'no cell'} changed"


def _moved(trace: Trace, step: int) -> list[str]:
    share = moved_share(trace, step)
    return [f"{'H' if trace.level[step] == LEVEL_H else 'L'} moved by {percent(share)}"] if np.isfinite(share) else []

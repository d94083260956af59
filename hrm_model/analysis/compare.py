"""Several traces side by side: the same moment in each, where they differ, and one plane for all their paths. NumPy only.

Shapes: N steps, S cells, T positions, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.analysis.core import Floats, Projection, blanks, pca, sudoku_variant
from hrm_model.trace.counts import sure_cells
from hrm_model.trace.data import Trace

_BESIDE = 1.2  # from one square to the next
_FIT_ROWS = 400  # states of each trace that the common plane is fitted on, at most


def steps_of_segment(trace: Trace) -> int:
    """Steps in a whole segment."""
    config = trace.model.config
    if "H_cycles" in config and "L_cycles" in config:
        return int(config["H_cycles"]) * (int(config["L_cycles"]) + 1)
    return int((trace.segment == 0).sum())


def same_moment(trace: Trace, step: int, other: Trace) -> int:
    """The step of another trace at the same moment as `step` of this one: the same segment, the same part of it; its last step if it is shorter."""
    whole, own = steps_of_segment(trace), steps_of_segment(other)
    first = int(np.searchsorted(trace.segment, trace.segment[step]))
    part = (step - first + 1) / whole
    start = int(np.searchsorted(other.segment, trace.segment[step]))
    return min(start + max(0, int(np.ceil(part * own - 1e-9)) - 1), len(other) - 1)


@dataclass(frozen=True)
class Differences:
    """Where the boards of two traces differ, as they are drawn; (S,) each."""

    decided: NDArray[np.bool_]  # both show an answer, and not the same
    one_open: NDArray[np.bool_]  # one shows an answer, the other candidates
    both_open: NDArray[np.bool_]  # both show candidates
    digits: bool  # whether answers are digits

    @property
    def none(self) -> bool:
        """Whether both show the same."""
        return not (self.decided.any() or self.one_open.any())


def differing(one: Trace, step_one: int, other: Trace, step_other: int) -> Differences | None:
    """How two traces of the same puzzle differ at a step of each; None if the puzzles are not the same."""
    if one.puzzle.task != other.puzzle.task or not np.array_equal(one.puzzle.given, other.puzzle.given):
        return None
    blank = blanks(one)
    sure, other_sure = (sure_cells(trace, slice(step, step + 1))[0] | ~blank for trace, step in ((one, step_one), (other, step_other)))
    apart = one.prediction[step_one] != other.prediction[step_other]
    return Differences(apart & sure & other_sure, sure ^ other_sure, ~sure & ~other_sure, sudoku_variant(one) is not None)


@dataclass(frozen=True)
class CommonPlane:
    """One basis for a module's states in several traces; or one for each, side by side."""

    plane: Projection | None  # None: each path is in a basis of its own, because the states differ in size
    paths: Sequence[Floats]  # (rows, 2) each
    low: Floats  # (2,)
    high: Floats


def common_plane(traces: list[Trace], level: str) -> CommonPlane | None:
    """Fitted on all traces' states (flattened) together; None if states are missing or of different sizes."""
    states = [trace.z_H if level == "H" else trace.z_L for trace in traces]
    kept = [z for z in states if z is not None]
    if not kept or len(kept) < len(states) or len({z.shape[1:] for z in kept}) > 1:
        return None
    flat = [np.asarray(z, np.float32).reshape(len(z), -1) for z in kept]
    plane = pca(np.concatenate([z[:: max(1, -(-len(z) // _FIT_ROWS))] for z in flat]))
    paths = [plane(z) for z in flat]
    everything = np.concatenate(paths)
    return CommonPlane(plane, paths, everything.min(axis=0), everything.max(axis=0))


def planes_beside(traces: list[Trace], level: str) -> CommonPlane | None:
    """A basis for each trace, for states of different sizes: each path fills a square of side 1, and the squares stand in a row.

    None if states are missing. Only the shapes of such paths can be compared, not their lengths.
    """
    paths = []
    for k, trace in enumerate(traces):
        own = common_plane([trace], level)
        if own is None:
            return None
        size = np.maximum(own.high - own.low, 1e-9)
        paths.append((own.paths[0] - own.low) / size + (_BESIDE * k, 0))
    return CommonPlane(None, paths, np.zeros(2), np.array([_BESIDE * (len(traces) - 1) + 1, 1])) if paths else None

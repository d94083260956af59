"""The experiments that draw a map: landscape, basin, stability, patching, heads, clues. Each result so far is a `Found` with arrays."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from hrm_model.errors import UsageError
from hrm_model.lab.basins import SETTLED, SOLVED, WANDERING, Basin, basin
from hrm_model.lab.branch import step_of_segment
from hrm_model.lab.causes import clues, knock_outs, patching_map
from hrm_model.lab.experiment import BranchFound, Experiment, Found
from hrm_model.lab.jacobian import stability
from hrm_model.lab.landscapes import Landscape, landscape
from hrm_model.lab.outcome import known_task, outcome_of
from hrm_model.lab.planes import Plane, plane_of_components
from hrm_model.loaded import LoadedModel
from hrm_model.recording import record
from hrm_model.trace.data import PuzzleInfo, Trace

T = TypeVar("T")
Maps = Iterator[Found | None]


def _base(e: Experiment, model: LoadedModel, puzzle: PuzzleInfo) -> tuple[Trace, int]:
    trace = record(model.model, puzzle, model.info, segments=e.segments)
    at = e.parameters.get("at", e.segments)
    step = step_of_segment(trace, at)
    if step < 0 and e.kind in ("landscape", "basin"):
        raise UsageError("A plane lies around the state after a segment; at must be 1 or more.")
    return trace, step


def _watched(growing: Iterator[T | None]) -> Generator[None, None, T]:
    """The last result of a generator; yields after each step of it, so that the experiment can be stopped there."""
    found = None
    for result in growing:
        found = result if result is not None else found
        yield None
    assert found is not None
    return found


def _result(e: Experiment, model: LoadedModel, puzzle: PuzzleInfo, base: Trace, more: dict[str, Any], arrays: dict[str, Any],
            branches: tuple[BranchFound, ...] = ()) -> Found:  # fmt: skip
    return Found(e, model.info, puzzle, outcome_of(base), branches, base, more, arrays)


def _picture(found: Landscape | Basin) -> tuple[dict[str, Any], dict[str, Any]]:
    more = {"side": found.side, "step": round(float(found.step), 6), "axes": list(found.plane.label)}
    return more, {"centre": found.plane.centre, "axes": found.plane.axes, "path": found.path}


def _plane(base: Trace, components: Sequence[int], at: int) -> Plane:
    """Along two principal components, counted from 1."""
    first, second = components
    return plane_of_components(base, first - 1, second - 1, at)


def run_landscape(e: Experiment, model: LoadedModel, puzzle: PuzzleInfo) -> Maps:
    """Arrays: error (P, P), arrows (P, P, 2), path, centre, axes."""
    base, at = _base(e, model, puzzle)
    p = e.parameters
    plane = _plane(base, p["components"], at)
    found = yield from _watched(landscape(model, base, at, side=p["side"], plane=plane, zoom=p["zoom"]))
    more, arrays = _picture(found)
    lowest = None if np.isnan(found.error).all() else float(np.nanmin(found.error))
    middle = float(found.error[(p["side"] // 2) * p["side"] + p["side"] // 2])
    more |= {"lowest": lowest, "centre": None if np.isnan(middle) else middle}
    arrays |= {"error": found.error.reshape(p["side"], -1), "arrows": found.arrows.reshape(p["side"], -1, 2)}
    yield _result(e, model, puzzle, base, more, arrays)


def run_basin(e: Experiment, model: LoadedModel, puzzle: PuzzleInfo) -> Maps:
    """Arrays: end, soon (P, P), path, centre, axes."""
    base, at = _base(e, model, puzzle)
    p = e.parameters
    plane = _plane(base, p["components"], at)
    found = yield from _watched(basin(model, base, at, side=p["side"], segments=p["think"], plane=plane, zoom=p["zoom"]))
    more, arrays = _picture(found)
    names = {"solved": SOLVED, "settled": SETTLED, "wandering": WANDERING}
    more |= {"ends": {name: round(float((found.end == value).mean()), 4) for name, value in names.items()}}
    arrays |= {"end": found.end.reshape(p["side"], -1), "soon": found.soon.reshape(p["side"], -1)}
    yield _result(e, model, puzzle, base, more, arrays)


def run_stability(e: Experiment, model: LoadedModel, puzzle: PuzzleInfo) -> Maps:
    """Arrays: segments (K,), values (K, C)."""
    base = record(model.model, puzzle, model.info, segments=e.segments)
    p = e.parameters
    found = yield from _watched(stability(model, base, count=p["count"], iterations=p["iterations"], every=p["every"], seed=e.seed))
    values = [[round(float(v), 6) for v in row] for row in found.values]
    more = {"at": found.segments.tolist(), "values": values}
    yield _result(e, model, puzzle, base, more, {"at": found.segments, "values": found.values})


def run_patching(e: Experiment, model: LoadedModel, puzzle: PuzzleInfo) -> Maps:
    """Arrays: changed, ends (S, S)."""
    base, at = _base(e, model, puzzle)
    p = e.parameters
    found = yield from _watched(patching_map(model, base, at, sigma=p["sigma"], module=p["module"], segments=p["think"], seed=e.seed))
    reach = (found.changed > 0).sum(axis=1)
    more = {"changes": reach.tolist(), "still": found.ends.sum(axis=1).tolist(), "most": int(reach.argmax())}
    yield _result(e, model, puzzle, base, more, {"changed": found.changed, "ends": found.ends})


def run_heads(e: Experiment, model: LoadedModel, puzzle: PuzzleInfo) -> Maps:
    """A branch for each part that is knocked out."""
    base, at = _base(e, model, puzzle)
    yield None
    done = []
    for found in knock_outs(model, base, at):
        done.append(BranchFound(found.part.words(), found.outcome, None, at, (found.part.about(),)))
        yield None
    yield _result(e, model, puzzle, base, {}, {}, tuple(done))


def run_clues(e: Experiment, model: LoadedModel, puzzle: PuzzleInfo) -> Maps:
    """A branch for each clue taken away, or given."""
    base = record(model.model, puzzle, model.info, segments=e.segments, previews=False)
    found = yield from _watched(clues(model, puzzle, segments=e.segments))
    task = known_task(puzzle)
    assert task is not None
    verb = "without the clue in" if found.solved else "with the answer of"
    done = [
        BranchFound(f"{verb} {task.cell_name(cell)}", o, more={"cell": cell, "matters": m})
        for cell, m, o in zip(found.cells, found.matters, found.outcomes, strict=True)
    ]
    yield _result(e, model, puzzle, base, {"story": found.words, "cells": list(found.those)}, {}, tuple(done))


MAPS: dict[str, Callable[[Experiment, LoadedModel, PuzzleInfo], Maps]] = {
    "landscape": run_landscape, "basin": run_basin, "stability": run_stability, "patching": run_patching, "heads": run_heads, "clues": run_clues,
}  # fmt: skip

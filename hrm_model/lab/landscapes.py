"""The error landscape: what the states around z_H answer, and where one segment moves them (arXiv 2601.10679).

Shapes: P points of a side, T positions, D width, S cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch

from hrm_model.lab.batch import starts
from hrm_model.lab.outcome import violations
from hrm_model.lab.planes import Plane, grid, plane_of_components, sharpening
from hrm_model.loaded import LoadedModel
from hrm_model.reasoning import Place, segments_from
from hrm_model.trace.data import Array, Trace

_AT_ONCE = 32  # states


@dataclass(frozen=True)
class Landscape:
    """A picture of a plane of states, as far as it is computed. Rows go downwards from the largest second coordinate."""

    plane: Plane
    side: int  # P
    step: float  # between points, as a length of states
    error: Array  # (P · P,) broken rules of the state's answer; NaN: not computed yet
    arrows: Array  # (P · P, 2) the projected move after one segment
    path: Array  # (rows, 2) the run's own z_H, projected

    @property
    def done(self) -> float:
        """Share computed."""
        return float(1 - np.isnan(self.error).mean())


def landscape(
    model: LoadedModel, trace: Trace, at: int = -1, *, side: int = 41, plane: Plane | None = None, zoom: float = 1.0
) -> Iterator[Landscape]:
    """The landscape around z_H after a step (−1: the last), in rounds that sharpen.

    E counts, over rows, columns, boxes and digits, max(0, count − 1); blanks do not count. Points are √(T·D) / 8 apart, divided by `zoom`; z_L is that
    of the step. Without `plane`: that of the first two principal components. NaN for a task without rules.
    """
    at = len(trace) - 1 if at < 0 else at
    plane = plane or plane_of_components(trace, at=at)
    place, x = starts(model, trace, at)
    step = sqrt(plane.centre.size) / 8 / zoom
    points = grid(side, step)
    error, arrows = np.full(len(points), np.nan, np.float32), np.zeros((len(points), 2), np.float32)
    assert trace.z_H is not None
    path = plane.coordinates(trace.z_H)
    net = model.model.on(trace.puzzle.task)
    for some in sharpening(side):
        for start in range(0, len(some), _AT_ONCE):
            now = some[start : start + _AT_ONCE]
            states = plane.states(points[now])
            with torch.inference_mode():
                z_H = torch.as_tensor(states, device=net.device).to(net.dtype)
                many = x.expand(len(now), -1, -1)
                answers = net.logits(z_H, many).argmax(dim=-1).cpu().numpy()
            begun = Place(z_H, place.z_L.expand(len(now), -1, -1))
            after, _ = next(segments_from(net, many, begun, segments=1))
            error[now] = violations(trace.puzzle, answers)
            arrows[now] = plane.coordinates(after.z_H.float().cpu().numpy()) - points[now]
            yield Landscape(plane, side, step, error, arrows, path)

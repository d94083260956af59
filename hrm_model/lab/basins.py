"""The basin map: each point of a plane is a start for z_H, coloured by where it ends and how soon.

Shapes: P points of a side, T positions, D width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch

from hrm_model.lab.batch import starts
from hrm_model.lab.outcome import right
from hrm_model.lab.planes import Plane, grid, plane_of_components, sharpening
from hrm_model.lab.story import LATE
from hrm_model.loaded import LoadedModel
from hrm_model.reasoning import Place, segments_from
from hrm_model.trace.data import Array, Trace

SOLVED, SETTLED, WANDERING = 1, 2, 3  # ends; 0: not computed yet
_AT_ONCE = 16  # starts: small, so that the first picture comes soon and stopping waits for little


@dataclass(frozen=True)
class Basin:
    """A picture of where starts lead, as far as it is computed. Rows go downwards from the largest second coordinate."""

    plane: Plane
    side: int  # P
    step: float
    end: Array  # (P · P,) SOLVED, SETTLED (on a wrong answer, or on any if nothing says what is right), WANDERING, or 0
    soon: Array  # (P · P,) segments until the answer was the last one for good
    path: Array  # (rows, 2) the run's own z_H, projected

    @property
    def done(self) -> float:
        """Share computed."""
        return float((self.end > 0).mean())

    def start(self, index: int) -> Array:
        """The state z_H (T, D) of a point."""
        return self.plane.states(grid(self.side, self.step)[index : index + 1])[0]


def basin(
    model: LoadedModel, trace: Trace, at: int = -1, *, side: int = 41, segments: int = 16, plane: Plane | None = None, zoom: float = 1.0
) -> Iterator[Basin]:
    """Where starts around z_H after a step (−1: the last) lead within so many segments, with z_L of that step; in rounds that sharpen.

    Yields after each segment of each batch, so that it can be stopped soon. Points are √(T·D) / 8 apart, divided by `zoom`.
    """
    at = len(trace) - 1 if at < 0 else at
    plane = plane or plane_of_components(trace, at=at)
    place, x = starts(model, trace, at)
    step = sqrt(plane.centre.size) / 8 / zoom
    points = grid(side, step)
    end, soon = np.zeros(len(points), np.int8), np.zeros(len(points), np.int16)
    assert trace.z_H is not None
    shown = Basin(plane, side, step, end, soon, plane.coordinates(trace.z_H))
    net = model.model.on(trace.puzzle.task)
    for some in sharpening(side):
        for first in range(0, len(some), _AT_ONCE):
            now = some[first : first + _AT_ONCE]
            with torch.inference_mode():
                z_H = torch.as_tensor(plane.states(points[now]), device=net.device).to(net.dtype)
            begun = Place(z_H, place.z_L.expand(len(now), -1, -1))
            answers = []
            for _, found in segments_from(net, x.expand(len(now), -1, -1), begun, segments=segments):
                answers.append(found.predictions[0])
                yield shown
            run = np.stack(answers)  # (K, B, S)
            same = (run == run[-1]).all(axis=-1)
            since = segments - np.argmin(same[::-1], axis=0)  # the last segment with another answer
            since = np.where(same.all(axis=0), 0, since) + 1
            good = right(trace.puzzle, run[-1])
            still = since <= max(1, segments - LATE)
            end[now] = np.where(good if good is not None else False, SOLVED, np.where(still, SETTLED, WANDERING))
            soon[now] = since
            yield shown

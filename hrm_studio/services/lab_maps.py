"""The Lab's maps as jobs: pictures of a plane of states that sharpen as they are computed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from hrm_model.lab.planes import Plane, filled, grid
from hrm_model.trace.data import Array, Trace
from hrm_studio.services.model_jobs import ModelJob

if TYPE_CHECKING:
    from hrm_model.loaded import LoadedModel

MapKind = Literal["landscape", "basin"]
SIDE = 41
_EVERY = 0.2  # seconds between pictures
_ENDS = {1: "solved", 2: "settled on a wrong answer", 3: "still wandering"}


@dataclass(frozen=True)
class MapFound:
    """A map as far as it is computed. Pictures are (side, side), rows downwards; gaps show the nearest computed point."""

    kind: MapKind
    at: int  # the step around whose z_H it lies
    plane: Plane = field(repr=False)
    step: float  # between points, as a length of states
    value: Array = field(repr=False)  # landscape: broken rules; basin: segments until the answer was the last one
    end: Array | None = field(repr=False)  # basin: 1 solved, 2 settled on a wrong answer, 3 wandering; 0 nothing known yet
    path: Array = field(repr=False)  # (rows, 2) the run's own z_H, in steps from the middle
    share: float  # computed

    @property
    def side(self) -> int:
        return len(self.value)

    @property
    def done(self) -> bool:
        return self.share >= 1

    def state(self, row: int, column: int) -> Array:
        """z_H (T, D) of a point."""
        at = row * self.side + column
        return self.plane.states(grid(self.side, self.step)[at : at + 1])[0]

    def point_words(self, row: int, column: int) -> str:
        """What a point says."""
        value = self.value[row, column]
        if np.isnan(value):
            return ""
        if self.end is None:
            return f"Its answer breaks {value:.0f} rule{'' if value == 1 else 's'}."
        how = _ENDS.get(int(self.end[row, column]), "")
        return f"Thinking from here: {how}" + (f" after {value:.0f} segment{'' if value == 1 else 's'}." if how != _ENDS[3] else ".")

    @property
    def words(self) -> str:
        """What the map says."""
        across, down = self.plane.label
        so_far = "" if self.done else f" ({self.share:.0%} computed)"
        if self.end is None:
            said = f"Broken rules of the states around z_H: from {np.nanmin(self.value):.0f} to {np.nanmax(self.value):.0f}"
        else:
            shares = [f"{(self.end == k).mean():.0%} {name}" for k, name in _ENDS.items()]
            said = f"Where starts around z_H lead: {', '.join(shares)}"
        return f"{said}{so_far}. Across {across}, upwards {down}. Click a point to think from there."


def map_job(kind: MapKind, trace: Trace, at: int) -> ModelJob[MapFound]:
    """A map around z_H after a step."""

    def job(loaded: LoadedModel) -> Iterator[MapFound | None]:
        from hrm_model.lab.basins import basin
        from hrm_model.lab.landscapes import landscape

        shown = float("-inf")
        pictures = landscape(loaded, trace, at, side=SIDE) if kind == "landscape" else basin(loaded, trace, at, side=SIDE)
        for picture in pictures:
            if picture.done == 0 or (picture.done < 1 and time.perf_counter() - shown < _EVERY):
                yield None
                continue
            end = getattr(picture, "end", None)
            value = picture.error if end is None else np.where(end > 0, picture.soon, np.nan)  # type: ignore[union-attr]
            whole_end = None if end is None else np.nan_to_num(filled(np.where(end > 0, end, np.nan), SIDE)).astype(np.int8)
            yield MapFound(kind, at, picture.plane, picture.step, filled(value, SIDE), whole_end, picture.path / picture.step, picture.done)
            shown = time.perf_counter()

    return job

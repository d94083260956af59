"""What a picture or an animation shows, as plain data: the same whether it is asked for in the studio or in a shell."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from hrm_model.analysis.core import solved_step
from hrm_model.errors import ExportError
from hrm_model.trace.data import Trace

VIEWS = ("board", "states", "curves", "timeline")
PICTURES, ANIMATIONS = ("png", "svg", "pdf"), ("gif", "mp4", "frames")
_LEAST_PIXELS, _MOST_PIXELS = 320, 8192


@dataclass(frozen=True)
class Spec:
    """ExportError where something cannot be drawn."""

    kind: str  # one of PICTURES or ANIMATIONS
    views: tuple[str, ...] = ("board", "timeline")
    theme: Literal["light", "dark"] = "light"
    width: int = 480  # pixels before `scale`
    height: int = 0  # 0: as high as the views need
    scale: float = 1.0  # pixels of the file for one of `width`
    title: str = ""  # above the views; '' for none
    captions: bool = True  # what happens at the step, in words
    step: int = -1  # of a still picture; −1 is the last
    first: int = 0  # steps of an animation
    last: int = -1  # −1: to the end; see also `whole`
    whole: bool = False  # an animation goes on after the answer stays right
    speed: float = 8.0  # steps a second
    hold: float = 2.0  # seconds that the last step stays

    def __post_init__(self) -> None:
        if self.kind not in PICTURES + ANIMATIONS:
            raise ExportError(f"{self.kind!r} cannot be made; {', '.join(PICTURES + ANIMATIONS)} can")
        unknown = [view for view in self.views if view not in VIEWS]
        if unknown or not self.views:
            raise ExportError(f"there is no view {', '.join(map(repr, unknown)) or 'chosen'}; these are: {', '.join(VIEWS)}")
        if self.theme not in ("light", "dark"):
            raise ExportError(f"{self.theme!r} is no theme; light and dark are")
        for name, value, least, most in (
            ("width", self.width, _LEAST_PIXELS, _MOST_PIXELS), ("height", self.height or _LEAST_PIXELS, _LEAST_PIXELS, _MOST_PIXELS), ("scale", self.scale, 0.5, 8),
            ("speed", self.speed, 0.1, 100), ("hold", self.hold, 0, 60),
        ):  # fmt: skip
            if not least <= value <= most:
                raise ExportError(f"a {name} of {value:g} cannot be made; {least:g} to {most:g} can")
        if max(self.width, self.height) * self.scale > _MOST_PIXELS:
            raise ExportError(
                f"a picture of {max(self.width, self.height) * self.scale:.0f} pixels is too large; up to {_MOST_PIXELS} can be made"
            )

    @property
    def animated(self) -> bool:
        return self.kind in ANIMATIONS

    def steps(self, trace: Trace) -> list[int]:
        """The steps that are shown, in order. ExportError where there are none such."""
        n = len(trace)
        if not self.animated:
            if not -n <= self.step < n:
                raise ExportError(f"the trace has {n} steps; there is no step {self.step}")
            return [self.step % n]
        first, last = (k + n if k < 0 else k for k in (self.first, self.last))
        solved = solved_step(trace)
        if self.last == -1 and not self.whole and solved is not None:
            last = min(n - 1, max(first, trace.segment_end(min(trace.segments - 1, int(trace.segment[solved]) + 1))))
        if not 0 <= first <= last < n:
            raise ExportError(f"the trace has {n} steps; an animation from {self.first} to {self.last} cannot be made")
        return list(range(first, last + 1))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Spec:
        values = json.loads(text)
        return cls(**values | {"views": tuple(values["views"])})

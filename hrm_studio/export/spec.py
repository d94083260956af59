"""What a picture or animation shows, as plain data, for the studio and the command line."""

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
    """Raises ExportError if a value is out of range."""

    kind: str  # one of PICTURES or ANIMATIONS
    views: tuple[str, ...] = ("board", "timeline")
    theme: Literal["light", "dark"] = "light"
    width: int = 480  # pixels before `scale`
    height: int = 0  # 0: the height that the views need
    scale: float = 1.0  # pixels in the file per pixel of `width`
    title: str = ""  # above the views; '' for none
    captions: bool = True  # describe each step in words
    step: int = -1  # of a picture; −1 is the last
    first: int = 0  # steps of an animation
    last: int = -1  # −1: to the end; see also `whole`
    whole: bool = False  # continue the animation after the answer is right for good
    speed: float = 8.0  # steps per second
    hold: float = 2.0  # seconds that the last step is shown

    def __post_init__(self) -> None:
        if self.kind not in PICTURES + ANIMATIONS:
            raise ExportError(f"Unknown format {self.kind!r}. Choose one of: {', '.join(PICTURES + ANIMATIONS)}")
        unknown = [view for view in self.views if view not in VIEWS]
        if unknown or not self.views:
            raise ExportError(
                f"{'Unknown view ' + ', '.join(map(repr, unknown)) if unknown else 'No view chosen'}. Choose from: {', '.join(VIEWS)}"
            )
        if self.theme not in ("light", "dark"):
            raise ExportError(f"Unknown theme {self.theme!r}. Choose light or dark")
        for name, value, least, most in (
            ("width", self.width, _LEAST_PIXELS, _MOST_PIXELS), ("height", self.height or _LEAST_PIXELS, _LEAST_PIXELS, _MOST_PIXELS), ("scale", self.scale, 0.5, 8),
            ("speed", self.speed, 0.1, 100), ("hold", self.hold, 0, 60),
        ):  # fmt: skip
            if not least <= value <= most:
                raise ExportError(f"{name} must be between {least:g} and {most:g}, not {value:g}")
        if max(self.width, self.height) * self.scale > _MOST_PIXELS:
            raise ExportError(
                f"A picture of {max(self.width, self.height) * self.scale:.0f} pixels is too large; the limit is {_MOST_PIXELS}"
            )

    @property
    def animated(self) -> bool:
        return self.kind in ANIMATIONS

    def steps(self, trace: Trace) -> list[int]:
        """The steps to show, in order. Raises ExportError if the trace does not have them."""
        n = len(trace)
        if not self.animated:
            if not -n <= self.step < n:
                raise ExportError(f"The trace has {n} steps; step {self.step} does not exist")
            return [self.step % n]
        first, last = (k + n if k < 0 else k for k in (self.first, self.last))
        solved = solved_step(trace)
        if self.last == -1 and not self.whole and solved is not None:
            last = min(n - 1, max(first, trace.segment_end(min(trace.segments - 1, int(trace.segment[solved]) + 1))))
        if not 0 <= first <= last < n:
            raise ExportError(f"The trace has {n} steps; steps {self.first} to {self.last} are not a valid range")
        return list(range(first, last + 1))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Spec:
        values = json.loads(text)
        return cls(**values | {"views": tuple(values["views"])})

"""The choice of a second model for the same puzzles, and what came of a model's puzzles in words."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QComboBox

from hrm_model.analysis.puzzle_results import PuzzleResult, summary
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.units import share

_NONE = "no second model"


class SecondModel(QComboBox):
    """The models that read the chosen puzzles, and none. `currentData()` is a path, or None."""

    def __init__(self, models: ModelChoice) -> None:
        super().__init__(toolTip="A second model, B, that runs on the same puzzles after the first", accessibleName="Second model")
        self._models = models
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(len(_NONE))

    def fill(self, task: str) -> None:
        """Offer the models for a task; the chosen one stays if it reads it."""
        chosen: Path | None = self.currentData()
        paths = [path for path in [*(m.path for m in self._models.bundled), *self._models.others] if self._models.may_read(path, task)]
        self.clear()
        self.addItem(_NONE, None)
        for path in paths:
            self.addItem(self._models.title(path), path)
        self.setCurrentIndex(1 + paths.index(chosen) if chosen in paths else 0)


def result_words(rows: list[PuzzleResult]) -> str:
    """'84 % solved (168 of 200, 95 % interval 78–88 %) · median: segment 4 · 2 solved, then lost'; '' without rows."""
    found = summary(rows)
    if not found.count:
        return ""
    low, high = found.interval
    words = (
        f"{share(found.solved / found.count)} solved ({found.solved} of {found.count}, 95 % interval {low * 100:.0f}–{high * 100:.0f} %)"
    )
    if found.median_segments == found.median_segments:
        words += f"  ·  median: segment {found.median_segments:.0f}"
    if found.lost:
        words += f"  ·  {found.lost} solved, then lost"
    return words

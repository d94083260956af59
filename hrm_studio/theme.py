"""Colours of the studio, light and dark. Views ask the theme for a colour by meaning, never by value.

Hues that carry meaning are Okabe–Ito's, which colour-blind people can tell apart; right and wrong differ in lightness too,
and views add a mark or a weight to every such colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication

Mode = Literal["light", "dark", "system"]


@dataclass(frozen=True)
class Palette:
    """One theme's colours as '#rrggbb'."""

    name: str
    window: str  # behind everything
    surface: str  # panels, boards, plots
    raised: str  # buttons, fields
    border: str
    text: str
    muted: str  # captions, axes, pencil marks
    accent: str  # cursor, focus, selection
    on_accent: str
    given: str  # digits the puzzle gives
    answer: str  # digits the model answers
    changed: str  # tint of a cell that changed at this step
    wrong: str  # breaks a rule, or differs from the solution
    right: str
    warning: str
    level_H: str  # the slow module, everywhere
    level_L: str  # the fast module, everywhere
    series: tuple[str, ...]  # further curves, in order
    cells: tuple[str, ...]  # selected cells, in order, on boards and in plots: none looks like a module's colour, or like right or wrong

    def color(self, name: str, alpha: float = 1.0) -> QColor:
        """A QColor of one of the fields, with opacity 0…1."""
        color = QColor(getattr(self, name))
        color.setAlphaF(alpha)
        return color

    def cell_colours(self, cells: Iterable[int]) -> dict[int, str]:
        """A colour for each of the selected cells, the same in all views. Cells beyond those of `cells` have the accent's."""
        return {cell: self.cells[k] if k < len(self.cells) else self.accent for k, cell in enumerate(sorted(cells))}


LIGHT = Palette(
    name="light",
    window="#eef0f4",
    surface="#ffffff",
    raised="#f6f7fa",
    border="#d3d8e1",
    text="#1c2330",
    muted="#68738a",
    accent="#2f5fd0",
    on_accent="#ffffff",
    given="#1c2330",
    answer="#0b6ea8",
    changed="#fbe6b0",
    wrong="#c43d00",
    right="#007f5f",
    warning="#9a6700",
    level_H="#b85a00",
    level_L="#0072b2",
    series=("#0072b2", "#d55e00", "#009e73", "#aa4499", "#7a6a00", "#56a0c9"),
    cells=("#d6237f", "#6a3fc8", "#7d8500", "#0d8fa8", "#5a3a2e", "#8c8c8c"),
)

DARK = Palette(
    name="dark",
    window="#11141a",
    surface="#191e27",
    raised="#232a36",
    border="#313a4a",
    text="#e8ecf4",
    muted="#93a0b8",
    accent="#7aa2ff",
    on_accent="#0d1220",
    given="#f4f6fb",
    answer="#6cc3f5",
    changed="#4d4220",
    wrong="#ff7a45",
    right="#3fd0a4",
    warning="#e8b84a",
    level_H="#f0a04b",
    level_L="#5bb4ef",
    series=("#5bb4ef", "#f08a4b", "#3fd0a4", "#d58ad0", "#d8c34a", "#9fd3f5"),
    cells=("#ff6fb5", "#a58bff", "#c9d64a", "#35d6e8", "#c9a48f", "#ffffff"),
)


class Theme(QObject):
    """The palette in use. Made once and passed to every view.

    Signals
    -------
    changed()   `palette` is another one now
    """

    changed = Signal()

    def __init__(self, mode: Mode = "system", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mode: Mode = mode
        self.palette = self._resolve()
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_changed)

    @property
    def mode(self) -> Mode:
        return self._mode

    def set_mode(self, mode: Mode) -> None:
        self._mode = mode
        self._apply()

    def _system_changed(self) -> None:
        if self._mode == "system":
            self._apply()

    def _apply(self) -> None:
        palette = self._resolve()
        if palette is not self.palette:
            self.palette = palette
            self.changed.emit()

    def _resolve(self) -> Palette:
        if self._mode == "system":
            dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
            return DARK if dark else LIGHT
        return DARK if self._mode == "dark" else LIGHT

"""How many puzzles are solved after each segment, and how many segments each solved puzzle took; of one model or of two."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QVBoxLayout

from hrm_model.analysis.puzzle_results import right_by_segment, segments_histogram
from hrm_studio.theme import Theme
from hrm_studio.ui.evaluate.table import ResultTable
from hrm_studio.ui.plots.plot import legend_entry, new_plot, share_axis, show_axes, style_plot
from hrm_studio.ui.widgets.view import View

_LEFT_WIDTH = 40  # pixels of both left axes, so that segments stand in line
_TIPS = {
    "solved": "The share of puzzles whose answer is right after so many segments. It can fall: an answer may be lost again.",
    "histogram": "How many puzzles have the right answer for good from this segment on. Puzzles that are not solved at the end are not counted.",
}


class SegmentPlots(View):
    """Two plots over segments, one above the other. A model's colour is the same in both."""

    def __init__(self, table: ResultTable, theme: Theme) -> None:
        super().__init__()
        self._table, self._theme = table, theme
        self.plots = {name: new_plot() for name in _TIPS}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for name, plot in self.plots.items():
            plot.setMouseEnabled(x=False, y=False)
            plot.setMinimumSize(100, 60)
            plot.setToolTip(_TIPS[name])
            plot.getPlotItem().getAxis("left").setWidth(_LEFT_WIDTH)
            column.addWidget(plot, 1)
        share_axis(self.plots["solved"], _LEFT_WIDTH)
        self.follow([(theme.changed, self.draw)], self.draw)

    def draw(self) -> None:
        """Draw the rows of the table."""
        palette, sets = self._theme.palette, [rows for rows in (self._table.rows, self._table.second) if rows]
        names = " &nbsp; ".join(legend_entry(palette.series[k], "AB"[k]) for k in range(len(sets))) if len(sets) > 1 else ""
        for name, title in (("solved", "solved after n segments"), ("histogram", "puzzles by segments to the answer")):
            plot = self.plots[name]
            plot.clear()
            style_plot(plot, palette, f"{title} &nbsp; {names}")
            show_axes(plot, bool(sets))
        for k, rows in enumerate(sets):
            colour, solved, counts = palette.series[k], right_by_segment(rows), segments_histogram(rows)
            segments = np.arange(1, len(solved) + 1)
            self.plots["solved"].plot(segments, solved, pen=pg.mkPen(colour, width=1.7))
            width = 0.8 / len(sets)
            at = segments + (k - (len(sets) - 1) / 2) * width
            self.plots["histogram"].addItem(pg.BarGraphItem(x=at, height=counts, width=width, brush=colour, pen=None))
            for plot in self.plots.values():
                plot.setXRange(0.5, len(solved) + 0.5, padding=0)
        for plot in self.plots.values():
            plot.redraw()

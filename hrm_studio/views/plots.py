"""How every plot of the studio looks, and the small things they share."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt

from hrm_studio.theme import Palette

pg.setConfigOptions(antialias=True)


def new_plot() -> pg.PlotWidget:
    """An empty plot without menus or buttons. `dress` gives it colours."""
    plot = pg.PlotWidget()
    plot.setMenuEnabled(False)
    plot.hideButtons()
    item = plot.getPlotItem()
    item.titleLabel.setMaximumHeight(20)
    item.layout.setRowFixedHeight(0, 20)
    item.titleLabel.setVisible(True)
    item.setContentsMargins(2, 0, 8, 2)
    plot.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
    return plot


def dress(plot: pg.PlotWidget, palette: Palette, title: str) -> None:
    """Colours of a palette on background, axes and title."""
    plot.setBackground(palette.surface)
    item = plot.getPlotItem()
    item.setTitle(title, color=palette.text, size="9pt")
    item.titleLabel.item.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
    for name in ("left", "bottom"):
        axis = item.getAxis(name)
        axis.setPen(pg.mkPen(palette.border))
        axis.setTextPen(pg.mkPen(palette.muted))
        axis.setStyle(tickLength=-4, maxTickLevel=1)
        axis.setTickFont(pg.QtGui.QFont(plot.font().family(), 7))
    item.showGrid(x=False, y=True, alpha=0.15)


def show_axes(plot: pg.PlotWidget, shown: bool) -> None:
    """Axes, or none where there is nothing to measure yet."""
    for name in ("left", "bottom"):
        plot.getPlotItem().showAxis(name, shown)


def swatch(colour: str, text: str) -> str:
    """A legend entry for a title: a coloured mark and its name."""
    return f'<span style="color:{colour}">■</span> {text}'

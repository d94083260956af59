"""A curve of a single value is visible too."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from hrm_studio.ui.train.curve_item import CurveItem


def red_pixels(qtbot: QtBot, values: int) -> int:
    plot = pg.PlotWidget(background="w")
    qtbot.addWidget(plot)
    plot.resize(200, 150)
    item = CurveItem(QColor(255, 0, 0))
    plot.addItem(item)
    plot.setXRange(0, 1)
    plot.setYRange(0, 1)
    item.show_values(np.full(values, 0.5), np.full(values, 0.5))
    plot.show()
    picture = plot.grab().toImage()
    colours = [QColor(picture.pixel(x, y)) for x in range(picture.width()) for y in range(picture.height())]
    return sum(colour.red() > 200 and colour.green() < 80 for colour in colours)


def test_a_value_alone_is_a_dot(qtbot: QtBot) -> None:
    assert red_pixels(qtbot, 0) == 0
    assert red_pixels(qtbot, 1) >= 9

"""Export the curves of runs as PNG, SVG or CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QMarginsF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator

from hrm_model.files import atomic_path, atomic_write
from hrm_studio.models.runs import RunModel
from hrm_studio.theme import Palette
from hrm_studio.ui.plots.plot import Plot

_GAP, _LEGEND, _SCALE = 12, 24, 2  # pixels; a picture has twice a screen's resolution

Legend = Sequence[tuple[str, QColor]]  # names of runs and their colours


def write_png(plots: Sequence[Plot], legend: Legend, palette: Palette, file: Path) -> None:
    """Write the plots as a PNG, laid out as on the screen. OSError if the file cannot be written."""
    size = _size(plots)
    image = QImage(size * _SCALE, QImage.Format.Format_ARGB32)
    image.setDevicePixelRatio(_SCALE)
    with QPainter(image) as painter:
        _paint(painter, plots, legend, palette, size)
    with atomic_path(file) as part:
        if not image.save(str(part), "PNG"):  # type: ignore[call-overload]
            raise OSError("Qt could not write the picture; is there room on the disk?")


def write_svg(plots: Sequence[Plot], legend: Legend, palette: Palette, file: Path) -> None:
    """Write the plots as an SVG: lines stay lines, text stays text. OSError if the file cannot be written."""
    size = _size(plots)
    drawing = QSvgGenerator()
    drawing.setSize(size)
    drawing.setViewBox(QRectF(QPointF(0, 0), size.toSizeF()))
    drawing.setTitle("HRM Studio")
    with atomic_path(file) as part:
        part.write_bytes(b"")  # raises an error; Qt would only warn
        drawing.setFileName(str(part))
        with QPainter(drawing) as painter:
            _paint(painter, plots, legend, palette, size)


def write_csv(runs: Iterable[RunModel], file: Path) -> None:
    """Write all values of the runs, one event per row. Columns: run, event, step, seconds, then the metrics by name.

    OSError if the file cannot be written. Reads only arrays, so it may run in another thread.
    """
    tables = [
        (run.name, kind, table) for run in runs for kind, table in (("metrics", run.log.metrics), ("evaluation", run.log.evaluations))
    ]
    names = list(dict.fromkeys(name for _, _, table in tables for name in table.names))
    with atomic_write(file, "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["run", "event", *names])
        for run, kind, table in tables:
            for row in np.column_stack([table[name] for name in names]) if len(table) else ():
                writer.writerow([run, kind, *("" if value != value else f"{value:.10g}" for value in row.tolist())])


def _size(plots: Sequence[Plot]) -> QSize:
    right = max(plot.geometry().right() for plot in plots)
    bottom = max(plot.geometry().bottom() for plot in plots)
    return QSize(right + 1 + 2 * _GAP, bottom + 1 + 2 * _GAP + _LEGEND)


def _paint(painter: QPainter, plots: Sequence[Plot], legend: Legend, palette: Palette, size: QSize) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(QRectF(QPointF(0, 0), size.toSizeF()), palette.color("window"))
    font = QFont(plots[0].font())
    font.setPixelSize(12)
    painter.setFont(font)
    left = float(_GAP)
    for name, colour in legend:
        painter.fillRect(QRectF(left, _GAP + 2, 10, 10), colour)
        painter.setPen(palette.color("text"))
        width = painter.fontMetrics().horizontalAdvance(name)
        painter.drawText(QRectF(left + 16, _GAP - 3, width + 4, 20), Qt.AlignmentFlag.AlignVCenter, name)
        left += width + 36
    for plot in plots:
        place = QRectF(plot.geometry()).translated(_GAP, _GAP + _LEGEND)
        painter.fillRect(place, palette.color("surface"))
        plot.scene().prepareForPaint()
        plot.scene().render(painter, place.marginsRemoved(QMarginsF(1, 1, 1, 1)), QRectF(plot.viewport().rect()))

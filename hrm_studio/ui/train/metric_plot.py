"""One plot of training runs: several series against step, epoch or time, with a crosshair shared by all plots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QMouseEvent, QPainter, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy

from hrm_studio.models.plot_settings import PlotSettings
from hrm_studio.models.runs import RunModel
from hrm_studio.theme import Theme
from hrm_studio.ui.plots.log_ticks import log_ticks
from hrm_studio.ui.plots.plot import Plot, legend_entry, setup_plot, show_axes, style_plot
from hrm_studio.ui.train.curve_item import CurveItem
from hrm_studio.ui.train.metric_panels import MetricPanel, Series, series_of
from trainer.runs.curve import Curve
from trainer.runs.log import Floats

_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)
_DRAG = 6  # pixels from which a press is a drag


@dataclass
class PlotLine:
    """A series of one run and how it is drawn."""

    run: RunModel
    series: Series
    curve: Curve
    band: tuple[Curve, Curve] | None
    colour: QColor
    item: CurveItem


class MetricPlot(Plot):
    """Draws only in `refresh`, so the grid decides when there is time. Drag or Ctrl+wheel zooms, a double click shows all.

    Signals
    -------
    menu_wanted(object)   a right click, at this global position
    """

    menu_wanted = Signal(object)

    def __init__(self, panel: MetricPanel, settings: PlotSettings, theme: Theme) -> None:
        super().__init__()
        setup_plot(self)
        item = self.getPlotItem()
        item.layout.removeItem(item.titleLabel)
        item.layout.addItem(item.titleLabel, 0, 0, 1, 3)  # spans the axis as well: five names need the room
        self.panel, self._settings, self._theme = panel, settings, theme
        self.lines: list[PlotLine] = []
        self._logs: tuple[bool, bool] = (False, False)
        bottom = self.getPlotItem().getAxis("bottom")
        bottom.tickStrings = lambda values, scale, spacing: [self._tick(v) for v in values]
        self._drag: tuple[float, float] | None = None
        self.setMouseEnabled(x=False, y=False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 150)
        self.setToolTip(panel.tip)
        self.setAccessibleName(panel.title)
        self.over = self._paint_over
        self.viewport().setMouseTracking(True)

    # What is drawn ---------------------------------------------------------------------------------------------------

    def show_runs(self, runs: list[RunModel], colours: dict[RunModel, QColor]) -> None:
        """Rebuild the curves for other runs, columns, axes or colours. `refresh` then draws them."""
        alone = len(runs) == 1
        self.clear()
        self.lines = []
        names: list[tuple[str, str]] = []
        for run in runs:
            for k, series in enumerate(series_of(self.panel, run.log, alone)):
                training = series.table == "metrics" and len(self.panel.series) > 1 and self.panel.series[0].table == "evaluations"
                colour = self._series_colour(k, training) if alone else colours[run]
                style = Qt.PenStyle.SolidLine if alone else _STYLES[k % len(_STYLES)]
                item = CurveItem(colour, style, series.dots)
                self.addItem(item)
                self.lines.append(PlotLine(run, series, *self._curves(run, series), colour, item))
                if series.label and series.label not in [n for n, _ in names]:
                    names.append((series.label, legend_entry(colour.name(), series.label) if alone else f"{'—╌┈┄'[k % 4]} {series.label}"))
        names = _shortened(names)
        crowded = len(names) >= 5
        gap = " " if crowded else " &nbsp;"
        legend = gap.join(text for _, text in names) if len(names) > 1 else ""
        if crowded:
            legend = f'<span style="font-size:7pt">{legend}</span>'
        style_plot(self, self._theme.palette, f"<b>{self.panel.heading}</b>{gap}{legend}", left=True)
        self._logs = (self._settings.log_x, self._settings.log_y and self.panel.log)
        self.getPlotItem().getAxis("bottom").setLogMode(self._logs[0])

    def _series_colour(self, number: int, training: bool) -> QColor:
        palette = self._theme.palette
        return palette.color("muted") if training else QColor(palette.series[number % len(palette.series)])

    def _curves(self, run: RunModel, series: Series) -> tuple[Curve, tuple[Curve, Curve] | None]:
        table = getattr(run.log, series.table)
        x, scale = "step", 1.0
        if self._settings.x == "time":
            x, scale = "seconds", 1 / 60
        elif self._settings.x == "epoch":
            scale = run.epochs_per_step
        smoothing = self._smoothing(series)
        band = None
        if series.band is not None:
            low, high = series.band
            band = Curve(table, x, low, 0.0, scale), Curve(table, x, high, 0.0, scale)
        return Curve(table, x, series.column, smoothing, scale), band

    def follow(self) -> bool:
        """Read a batch of new values from the runs. True if nothing is left to read."""
        caught_up = True
        for line in self.lines:
            line.curve.set_smoothing(self._smoothing(line.series))
            for curve in (line.curve, *(line.band or ())):
                curve.follow()
                caught_up = caught_up and not curve.behind
        return caught_up

    @property
    def reach(self) -> tuple[float, float] | None:
        """The range of x of the curves; None without points."""
        ends = [(line.curve.x[0], line.curve.x[-1]) for line in self.lines if len(line.curve)]
        return (min(a for a, _ in ends), max(b for _, b in ends)) if ends else None

    def _smoothing(self, series: Series) -> float:
        return 0.0 if series.dots or not self.panel.smooth else self._settings.smoothing

    def refresh(self, low: float, high: float) -> None:
        """Draw the range of x from `low` to `high`."""
        log_x, log_y = self._logs
        pixels = max(50, round(self.getPlotItem().vb.sceneBoundingRect().width()))
        seen: list[Floats] = []
        positive: list[float] = []  # the first positive x of each line
        for line in self.lines:
            drawn = line.curve.drawn(low, high, pixels, log_x)
            x, smooth, bottom, top = drawn.x, drawn.smooth, drawn.low, drawn.high
            if line.band is not None:
                bottom, top = (curve.drawn(low, high, pixels, log_x).low for curve in line.band)
            keep = np.ones(len(x), bool)
            if log_x:
                keep &= x > 0
            if log_y:
                keep &= (smooth > 0) & (bottom > 0)
            if len(bottom) != len(x):
                bottom = top = smooth
            if log_x and keep.any():
                positive.append(float(x[keep][0]))
            x, smooth, bottom, top = (_scaled(a[keep], log) for a, log in ((x, log_x), (smooth, log_y), (bottom, log_y), (top, log_y)))
            if line.band is not None or drawn.spread:
                line.item.show_values(x, smooth, bottom, top)
            else:
                line.item.show_values(x, smooth, None if self._smoothing(line.series) == 0 else bottom)
            if len(x):
                seen += [smooth, np.percentile(np.append(bottom, top), (1, 99))]
        show_axes(self, bool(seen))
        if log_x and low <= 0:
            low = min(positive, default=1.0)
        self._set_ranges(low, high, np.concatenate(seen) if seen else np.zeros(0))
        self.redraw()

    def _set_ranges(self, low: float, high: float, values: Floats) -> None:
        log_x, log_y = self._logs
        left, right = _scaled(np.array([low, high]), log_x) if high > low else (0.0, 1.0)  # low > 0 if log_x
        self.setXRange(float(left), float(right), padding=0.01)
        bottom, top = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        if self.panel.share:
            bottom, top = max(0.0, min(bottom - 0.02, top - 0.06)), min(1.0, max(top + 0.02, bottom + 0.06))
        elif not log_y and 0 <= bottom < 0.5 * top:
            bottom = 0.0
        if top - bottom < 1e-12:
            bottom, top = bottom - 0.5 * (abs(bottom) or 1), top + 0.5 * (abs(top) or 1)
        self.setYRange(bottom, top, padding=0.03 if self.panel.share else 0.05)
        axis = self.getPlotItem().getAxis("left")
        axis.setTicks([_log_labels(bottom, top)] if log_y else None)
        axis.setScale(100.0 if self.panel.share else self.panel.scale)
        axis.enableAutoSIPrefix(False)

    # The crosshair and the mouse -------------------------------------------------------------------------------------

    def _tick(self, x: float) -> str:
        text = short(float(10**x if self._logs[0] else x))
        return f"{text} min" if self._settings.x == "time" else text

    def x_at(self, pixel: float) -> float:
        box = self.getPlotItem().vb
        (left, right), place = box.viewRange()[0], box.sceneBoundingRect()
        x = left + (right - left) * (pixel - place.left()) / max(1.0, place.width())
        return float(10**x if self._logs[0] else x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._drag = (self._drag[0], event.position().x())
            self.repaint_over()
        self._settings.point_at(self.x_at(event.position().x()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = (event.position().x(), event.position().x())
        elif event.button() == Qt.MouseButton.RightButton:
            self.menu_wanted.emit(event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._drag is not None:
            start, end = sorted(self._drag)
            self._drag = None
            if end - start >= _DRAG:
                self._settings.set(zoom=(self.x_at(start), self.x_at(end)))
            self.repaint_over()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._settings.set(zoom=None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier or not event.angleDelta().y():
            event.ignore()  # the page scrolls
            return
        (left, right), at = self.getPlotItem().vb.viewRange()[0], self.x_at(event.position().x())
        at = float(np.log10(at)) if self._logs[0] else at
        factor = 0.8 ** (event.angleDelta().y() / 120)
        edges = at + (left - at) * factor, at + (right - at) * factor
        low, high = (float(10**e) if self._logs[0] else e for e in edges)
        self._settings.set(zoom=(low, high))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        self._settings.point_at(None)
        super().leaveEvent(event)

    def _paint_over(self, painter: QPainter) -> None:
        palette, place = self._theme.palette, self.getPlotItem().vb.sceneBoundingRect()
        if not any(len(line.curve) for line in self.lines):
            painter.setPen(palette.color("muted"))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, "no values yet")
            return
        if self._drag is not None and abs(self._drag[1] - self._drag[0]) >= _DRAG:
            painter.fillRect(
                QRectF(QPointF(self._drag[0], place.top()), QPointF(self._drag[1], place.bottom())), palette.color("accent", 0.18)
            )
        x = self._settings.crosshair
        if x is None or (self._logs[0] and x <= 0):
            return
        pixel = float(self.to_pixels((_scaled(np.array([x]), self._logs[0])[0], 0))[0, 0])
        painter.setPen(QPen(palette.color("accent", 0.8), 1))
        painter.drawLine(QPointF(pixel, place.top()), QPointF(pixel, place.bottom()))
        texts = []
        for line in self.lines:
            k = line.curve.at(x)
            if k is None:
                continue
            value = float(line.curve.smooth[k])
            point = np.array([line.curve.x[k], value])
            if not (self._logs[1] and value <= 0):
                at = self.to_pixels((_scaled(point[:1], self._logs[0])[0], _scaled(point[1:], self._logs[1])[0]))[0]
                painter.setPen(QPen(palette.color("surface"), 1.5))
                painter.setBrush(line.colour)
                painter.drawEllipse(QPointF(*at.tolist()), 4, 4)
            texts.append((line.colour, self.value_text(value)))
        self._paint_values(painter, place, pixel, texts)

    def _paint_values(self, painter: QPainter, place: QRectF, pixel: float, texts: list[tuple[QColor, str]]) -> None:
        if not texts:
            return
        font = QFont(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        width = max(metrics.horizontalAdvance(text) for _, text in texts) + 22
        height = 15 * len(texts) + 6
        left = pixel + 8 if pixel + 8 + width < place.right() else pixel - 8 - width
        box = QRectF(left, place.top() + 2, width, height)
        painter.setPen(QPen(self._theme.palette.color("border"), 1))
        painter.setBrush(self._theme.palette.color("surface", 0.92))
        painter.drawRoundedRect(box, 4, 4)
        for k, (colour, text) in enumerate(texts):
            top = box.top() + 3 + 15 * k
            painter.fillRect(QRectF(box.left() + 6, top + 4, 7, 7), colour)
            painter.setPen(self._theme.palette.color("text"))
            painter.drawText(QRectF(box.left() + 17, top, width - 17, 15), Qt.AlignmentFlag.AlignVCenter, text)

    def value_text(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:.2%}" if self.panel.share else f"{value * self.panel.scale:.4g}{self.panel.unit}"


def _shortened(names: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """'36 clues', '30 clues' → '36 clues', '30'; 'path 2 to 11', 'path 12 to 23' → 'path 2–11', '12–23': a repeated word is shown once."""
    found, before = [], ("", "")
    for label, text in names:
        words = label.split()
        ends = (words[0], words[-1]) if len(words) > 1 else ("", "")
        kept = words[1 if ends[0] and ends[0] == before[0] else 0 : -1 if ends[1] and ends[1] == before[1] else None]
        found.append((label, text.removesuffix(label) + " ".join(kept).replace(" to ", "–")))
        before = ends
    return found


def _scaled(values: Floats, log: bool) -> Floats:
    return np.log10(values) if log else values


def _log_labels(bottom: float, top: float) -> list[tuple[float, str]]:
    """At most about six ticks for a logarithmic axis; `bottom` and `top` are exponents of ten."""
    ticks = [tick for tick in log_ticks(10 ** np.array([bottom, top])) if bottom - 0.02 <= tick[0] <= top + 0.02]
    return ticks[:: max(1, -(-len(ticks) // 6))]


def short(value: float) -> str:
    """A tick label of the x axis: 250, 1,500, 20k."""
    if abs(value) >= 10_000 and value % 100 == 0:
        return f"{value / 1000:,g}k"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

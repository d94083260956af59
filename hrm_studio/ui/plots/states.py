"""The hidden states: their path in principal components, one point for each cell, or heat maps.

The basis is fitted once for a trace (and again while it grows), in the background: moving the cursor never fits.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QHelpEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QToolTip, QVBoxLayout, QWidget

from hrm_model.analysis.core import Floats, accuracy, confidence
from hrm_model.analysis.states import Basis
from hrm_model.trace.data import Trace
from hrm_studio import glossary
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.theme import Theme
from hrm_studio.ui.plots.plot import legend_entry, new_plot, show_axes, style_plot
from hrm_studio.ui.plots.state_basis import BasisChoice
from hrm_studio.ui.plots.state_heat import KINDS, StateHeat
from hrm_studio.ui.plots.state_legend import legend
from hrm_studio.ui.plots.state_painter import PathPainter, Rotation, cell_pixels, paint_axes, paint_cells, paint_trails, view_of
from hrm_studio.ui.plots.state_projection import BOTH, PlotPoints, ProjectedTrace, project_by_umap, project_trace
from hrm_studio.ui.widgets.flow_layout import FlowRow
from hrm_studio.ui.widgets.view import View

_PROJECT_MS = 250
_RECORDED = "This trace was recorded"
_CLICK_PIXELS = 12  # a click this close to a point selects it

_Job = tuple[Trace, int, Basis | None, bool, bool]  # a trace, its length, the wanted basis, whether by UMAP, whether without the start

_MODES = {
    "path": "One point for each step: the whole state, all cells together",
    "cells": "One point for each cell, at the cursor's step; selected cells show their path",
    "heat": "The numbers as colours, at the cursor's step",
}
_PATH_COLOURS = (("Module", "module"), ("Step", "step"), ("Right", "right"), ("Confidence", "confidence"))
_CELL_COLOURS = (("Right or wrong", "judgement"), ("Answer", "digit"), ("Position", "cell"), ("Confidence", "confidence"))


class StatesView(View):
    """z_H and z_L side by side, or both in one basis."""

    def __init__(
        self,
        traces: TraceModel,
        selection: Selection,
        background: Background,
        theme: Theme,
        models: ModelChoice | None = None,
        reasoner: Reasoner | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._traces, self._selection, self._background, self._theme = traces, selection, background, theme
        self._palette = theme.palette
        self.projected: ProjectedTrace | None = None
        self._projected_for: _Job | None = None
        self._projecting = False
        self._shades: tuple[Trace, str, Floats | None] | None = None  # the values that colour the path
        self.basis = BasisChoice(traces, models, reasoner)
        self.keep_button = self.basis.keep
        self.mode = "path"
        self.rotation = Rotation()
        self._grabbed: QPointF | None = None
        self.plots = {name: new_plot() for name in ("H", "L", BOTH)}
        self._painters = {name: PathPainter() for name in self.plots}
        self.heats = {level: StateHeat(level, traces, selection, theme) for level in "HL"}
        self.empty_label = QLabel("The states appear here once the model reasons.", objectName="muted")
        self.empty_label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.empty_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty_label.setWordWrap(True)
        self._arrange()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PROJECT_MS)
        self._soon.timeout.connect(self._project)
        self.follow(
            [
                (traces.trace_replaced, self._replaced),
                (traces.trace_grew, self._grew),
                (traces.running_changed, self._project),
                (traces.cursor_moved, self._refresh),
                (selection.changed, self._refresh),
                (theme.changed, self._redraw),
            ],
            self._replaced,
        )

    def _arrange(self) -> None:
        modes = QButtonGroup(self)
        self._modes: dict[str, QToolButton] = {}
        for mode, tip in _MODES.items():
            button = QToolButton(text=mode.capitalize(), checkable=True, checked=mode == self.mode, toolTip=tip, objectName="chip")
            button.clicked.connect(lambda _=False, mode=mode: self.set_mode(mode))
            modes.addButton(button)
            self._modes[mode] = button
        self.together_button = QToolButton(
            text="Together", checkable=True, objectName="chip", toolTip="Both modules in one plot with common axes"
        )
        self.three_button = QToolButton(
            text="3-D", checkable=True, objectName="chip", toolTip="Three components. Drag with the mouse to rotate them."
        )
        self.together_button.toggled.connect(self._redraw)
        self.three_button.toggled.connect(self._set_three)
        self.colour = QComboBox(toolTip="What the colours mean", accessibleName="Colours")
        self.kind = QComboBox(accessibleName="What the heat map shows", toolTip="What the heat map shows")
        for kind, tip in KINDS.items():
            self.kind.addItem({"channels": "Positions × channels", "moved": "Movement", "to go": "Distance to the end"}[kind], kind)
            self.kind.setItemData(self.kind.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.kind.setCurrentIndex(self.kind.findData("moved"))
        self.colour.activated.connect(self._redraw)
        self.basis.changed.connect(self._project)
        self.basis.changed.connect(self._redraw)
        self.kind.activated.connect(self._kind_chosen)
        for box in (self.colour, self.basis):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(9)
            box.view().setMinimumWidth(150)
        self.legend = QLabel("", objectName="muted", textFormat=Qt.TextFormat.RichText)
        bar = FlowRow(
            *self._modes.values(),
            self.together_button,
            self.three_button,
            self.colour,
            self.basis,
            self.keep_button,
            self.kind,
            self.legend,
        )
        row = QHBoxLayout()
        row.setSpacing(4)
        for name, plot in self.plots.items():
            plot.setMinimumSize(100, 100)
            plot.setMouseEnabled(x=False, y=False)
            for axis in ("bottom", "left"):
                plot.getPlotItem().getAxis(axis).enableAutoSIPrefix(False)  # otherwise pyqtgraph adds "(x0.001)" to our label
            plot.over, plot.fixed = partial(self._paint, name), partial(self._paint_fixed, name)
            plot.scene().sigMouseClicked.connect(partial(self._clicked, name))
            plot.viewport().installEventFilter(self)
            plot.getPlotItem().vb.sigResized.connect(partial(self._frame, name))
            row.addWidget(plot, 1)
        for heat in self.heats.values():
            row.addWidget(heat, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(2)
        layout.addWidget(bar)
        layout.addWidget(self.empty_label)
        layout.addLayout(row, 1)
        self._fill_colours()

    # Choices ---------------------------------------------------------------------------------------------------------

    def set_mode(self, mode: str) -> None:
        """'path', 'cells' or 'heat'."""
        self.mode = mode
        self._modes[mode].setChecked(True)
        self._fill_colours()
        self._redraw()

    def _fill_colours(self) -> None:
        self.colour.clear()
        self.colour.setMinimumContentsLength(11 if self.mode == "cells" else 9)  # room for the longest item
        for label, kind in _CELL_COLOURS if self.mode == "cells" else _PATH_COLOURS:
            self.colour.addItem(f"by {label.lower()}", kind)

    def _set_three(self, on: bool) -> None:
        self.rotation.on = on
        self._redraw()

    def _kind_chosen(self) -> None:
        for heat in self.heats.values():
            heat.set_kind(self.kind.currentData())
        self._redraw()

    # Projecting ------------------------------------------------------------------------------------------------------

    @property
    def up_to_date(self) -> bool:
        """Whether the open trace is the one that is drawn, and no projection is on its way."""
        return self._projected_for is not None and self._projected_for[0] is self._traces.trace and not self._projecting

    @property
    def points(self) -> dict[str, PlotPoints]:
        """By 'H' and 'L'; empty before the first projection."""
        return {level: self.projected.plots[level] for level in "HL"} if self.projected is not None else {}

    def _replaced(self) -> None:
        trace, shown = self._traces.trace, self._projected_for
        same_run = (
            trace is not None and trace.has_states and shown is not None and len(trace) >= shown[1]
            and trace.puzzle is shown[0].puzzle and trace.model is shown[0].model
        )  # fmt: skip
        if not same_run:
            self.projected = self._projected_for = None
        if not same_run or self._palette is not self._theme.palette:
            self._redraw()
        self._project()

    def _grew(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _project(self) -> None:
        trace, umap, later = self._traces.trace, self.basis.umap, self.basis.without_start
        if trace is None or self._projecting or not len(trace) or not trace.has_states:
            return
        wanted = self.basis.wanted(trace)
        job = (trace, len(trace), wanted, umap, later)
        if self._projected_for is not None and self._projected_for[1:] == job[1:] and self._projected_for[0] is trace:
            return
        self._projecting = True

        def work() -> ProjectedTrace:
            projected = project_trace(trace, wanted, without_start=later)
            return project_by_umap(trace, projected) if umap else projected

        self._background.run(work, lambda found: self._projection_found(job, found))

    def _projection_found(self, job: _Job, found: ProjectedTrace) -> None:
        self._projecting = False
        trace = self._traces.trace
        if trace is not None and trace.puzzle is job[0].puzzle and trace.model is job[0].model:
            self.projected, self._projected_for = found, job
            self.basis.shown(found.basis)
            self._redraw()
        if self.following:
            self._project()  # new steps, or another trace, may have come meanwhile

    # Drawing ---------------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        self._palette = self._theme.palette  # the theme may change while this view is hidden
        together = self.together_button.isChecked() and self.mode == "path"
        shown = {"H", "L"} if not together else {BOTH}
        heat, trace = self.mode == "heat", self._traces.trace
        there = trace is None or trace.has_states
        for name, plot in self.plots.items():
            plot.setVisible(name in shown and not heat and there)
            self._style(name)
        for view in self.heats.values():
            view.setVisible(heat and there)
        # All stay in place, so that a click does not move what is beside it.
        self.together_button.setEnabled(self.mode == "path")
        for part in (self.three_button, self.colour, self.basis, self.keep_button):
            part.setEnabled(not heat)
        self.kind.setVisible(heat)  # the last one, so that nothing stands beside it
        words = self._words(trace)
        self.empty_label.setText(words)
        self.empty_label.setVisible(bool(words))
        by = None if heat or words.startswith(_RECORDED) else self.colour.currentData()
        self.legend.setText(legend(by, self.mode == "cells", trace, self._theme.palette))
        self.legend.setVisible(bool(self.legend.text()))
        self._refresh()

    def _words(self, trace: Trace | None) -> str:
        """The message above the plots, '' if there is none."""
        if trace is not None and not trace.has_states:
            return f"{_RECORDED} without states, so there is nothing to show here."
        of_cells = self.mode == "cells" or (self.mode == "heat" and self.kind.currentData() != "channels")
        if trace is not None and trace.pooled and of_cells:
            return f"{_RECORDED} with states averaged over the cells, so single cells cannot be shown."
        if trace is None or (self.projected is None and self.mode != "heat"):
            return "The states appear here once the model reasons."
        return self.basis.words(trace, self.projected) if self.projected is not None and self.mode != "heat" else ""

    def _style(self, name: str) -> None:
        colours, plot = self._theme.palette, self.plots[name]
        points = self.projected.plots[name] if self.projected is not None else None
        plot.clear()
        plot.redraw()
        titles = {"H": legend_entry(colours.level_H, "z_H, slow"), "L": legend_entry(colours.level_L, "z_L, fast")}
        titles[BOTH] = f"{titles['H']} &nbsp; {titles['L']}"
        style_plot(plot, colours, titles[name])
        plot.getPlotItem().showGrid(x=not self.rotation.on, y=not self.rotation.on, alpha=0.12)
        cells = self.mode == "cells"
        axes = points is not None and not self.rotation.on and points.spread(cells)
        show_axes(plot, axes)
        plot.setCursor(Qt.CursorShape.OpenHandCursor if self.rotation.on else Qt.CursorShape.ArrowCursor)
        if points is None:
            return
        explained = points.cells.explained if cells and points.cells is not None else points.explained
        for axis, k in (("bottom", 0), ("left", 1)) if axes else ():
            named = f"PC {k + 1} ({explained[k]:.0%})" if explained[0] else ""
            plot.setLabel(axis, named, color=colours.muted, **{"font-size": "8pt"})
        self._frame(name)

    def _frame(self, name: str, *_: object) -> None:
        """Set the range of a plot: all points, with room for the marks."""
        if self.projected is not None:
            plot = self.plots[name]
            box = plot.getPlotItem().vb
            x, y = view_of(
                self.projected.plots[name], self.mode == "cells", self.rotation.on, max(1.0, box.width()), max(1.0, box.height())
            )
            plot.setRange(xRange=x, yRange=y, padding=0)
            plot.redraw()

    def _refresh(self) -> None:
        for plot in self.plots.values():
            if plot.isVisible():
                plot.repaint_over()

    def _values(self, trace: Trace) -> Floats | None:
        """(N,) 0…1 that colour the path; None for the module's colour."""
        by = self.colour.currentData()
        if self._shades is None or self._shades[0] is not trace or self._shades[1] != by:
            self._shades = trace, by, self._shades_of(trace, by)
        return self._shades[2]

    def _shades_of(self, trace: Trace, by: str) -> Floats | None:
        if by == "step":
            return np.linspace(0, 1, len(trace))
        if by == "right":
            right = accuracy(trace)  # guesses included: a colour needs a value before the first digit is sure
            return right if np.isfinite(right).any() else None
        return confidence(trace) if by == "confidence" else None

    def _paint_fixed(self, name: str, painter: QPainter) -> None:
        """The part of a flat path that does not depend on the cursor."""
        points = self.projected.plots.get(name) if self.projected is not None else None
        if points is not None and self.mode == "path" and not self.rotation.on:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._painters[name].paint_whole(painter, self.plots[name], points, self.rotation, self._theme.palette)

    def _paint(self, name: str, painter: QPainter) -> None:
        trace, step = self._traces.trace, self._traces.cursor
        points = self.projected.plots.get(name) if self.projected is not None else None
        if trace is None or step < 0 or points is None or not trace.has_states:
            return
        plot, palette = self.plots[name], self._theme.palette
        if self.mode == "cells" and (name == BOTH or trace.pooled):
            return
        if self.mode == "cells":
            pixels = cell_pixels(plot, points, trace, step, name, self.rotation)
            if self.rotation.on and points.cells is not None:
                paint_axes(painter, plot, self.rotation, palette, points.cells.explained)
            paint_trails(painter, plot, points, trace, step, name, self.rotation, palette, self._selection.cells)
            paint_cells(painter, pixels, trace, step, palette, self.colour.currentData(), self._selection.cells)
        elif self.mode == "path":
            self._painters[name].paint(
                painter, plot, points, trace, step, self.rotation, palette, self._values(trace), self._traces.verdict
            )

    def _cell_pixels(self, trace: Trace, step: int, level: str) -> Floats:
        """The pixels (S, 2) of the cells' points."""
        return cell_pixels(self.plots[level], self.points[level], trace, step, level, self.rotation)

    # Mouse -----------------------------------------------------------------------------------------------------------

    def marks_at(self, viewport: QObject, point: QPoint) -> str:
        """Which of '★◆' are painted at a point of a plot's viewport."""
        painters = [self._painters[name] for name, plot in self.plots.items() if plot.viewport() is viewport]
        marks = {mark for painter in painters for place, mark in painter.marks if place.contains(point)}
        return "".join(mark for mark in "★◆" if mark in marks) if self.mode == "path" else ""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Dragging rotates three components; hovering over ★ and ◆ explains them."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            marks = self.marks_at(watched, event.pos())
            QToolTip.showText(event.globalPos(), "".join(map(glossary.tip, marks)), self)
            return bool(marks)
        if not isinstance(event, QMouseEvent) or not self.rotation.on:
            return False
        if event.type() == QEvent.Type.MouseButtonPress and event.button() == Qt.MouseButton.LeftButton:
            self._grabbed = event.position()
        elif event.type() == QEvent.Type.MouseMove and self._grabbed is not None:
            moved = event.position() - self._grabbed
            self._grabbed = event.position()
            self.rotation.yaw += moved.x() * 0.01
            self.rotation.pitch = min(1.57, max(-1.57, self.rotation.pitch + moved.y() * 0.01))
            self._refresh()
            return True
        elif event.type() == QEvent.Type.MouseButtonRelease:
            self._grabbed = None
        return False

    def _clicked(self, name: str, event: object) -> None:
        """In 'Cells', select the nearest cell (Ctrl adds it); a click far from all cells clears the selection."""
        trace = self._traces.trace
        if self.mode != "cells" or trace is None or trace.pooled or name not in self.points:
            return
        place: QPointF = event.scenePos()  # type: ignore[attr-defined]
        apart = np.hypot(*(self._cell_pixels(trace, self._traces.cursor, name) - (place.x(), place.y())).T)
        adding = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)  # type: ignore[attr-defined]
        self._selection.pick(int(apart.argmin()) if apart.min() <= _CLICK_PIXELS else None, adding)

"""The studio's views of one trace, laid out for a picture. Needs a QApplication, in any process."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hrm_model.analysis.story import count_words
from hrm_model.trace.data import Trace
from hrm_studio.export.spec import Spec
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.style import qt_palette, style_sheet
from hrm_studio.theme import Theme
from hrm_studio.ui.board.board import BoardView
from hrm_studio.ui.board.narration import headline
from hrm_studio.ui.board.timeline import TimelineView, step_name
from hrm_studio.ui.plots.curves import CurvesView
from hrm_studio.ui.plots.states import StatesView
from hrm_studio.ui.widgets.flow_layout import FlowRow

_BESIDE = 760  # from this width, states and curves are placed beside the board


class Canvas(QWidget):
    """Shows the views of a Spec at a step. `close()` ends its background thread."""

    def __init__(self, trace: Trace, spec: Spec) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        self.setObjectName("panel")
        self._spec, self._trace = spec, trace
        self._theme = Theme(spec.theme, self)
        self._traces, self._selection = TraceModel(self), Selection(self)
        self._background = Background(self)
        QApplication.setPalette(qt_palette(self._theme.palette))
        self.setStyleSheet(style_sheet(self._theme.palette))
        self._what, self._outcome = QLabel(objectName="title"), QLabel(objectName="muted")
        self._lay_out()
        self._traces.open(trace, cursor=0)
        for controls in self.findChildren(FlowRow):
            controls.hide()  # a picture needs no buttons
        self.resize(spec.width, spec.height or self._natural_height())
        self.show()
        self._settle()

    def _lay_out(self) -> None:
        views, traces, theme = self._spec.views, self._traces, self._theme
        outer = QVBoxLayout(self)
        outer.setContentsMargins(10, 8, 10, 8)
        outer.setSpacing(4)
        if self._spec.title:
            title = QLabel(self._spec.title, objectName="heading", wordWrap=True, alignment=Qt.AlignmentFlag.AlignCenter)
            outer.addWidget(title)
        if self._spec.captions:
            for label in (self._what, self._outcome):
                label.setAlignment(Qt.AlignmentFlag.AlignCenter)
                outer.addWidget(label)
            # Reserve two lines if any step needs two, so that nothing jumps in an animation.
            self._outcome.setWordWrap(True)
            self._outcome.setFixedHeight(18 * self._caption_lines)
        self._board = BoardView(traces, self._selection, theme) if "board" in views else None
        side: list[QWidget] = []
        self._states: StatesView | None = None
        if "states" in views:
            self._states = StatesView(traces, self._selection, self._background, theme)
            side.append(self._states)
        if "curves" in views:
            curves = CurvesView(traces, theme, self._selection, self._background)
            for plot in curves.plots.values():
                plot.setMinimumSize(100, 60)  # smaller plots may change their tick labels when redrawn, so two exports would differ
            side.append(curves)
        beside = self._spec.width >= _BESIDE and self._board is not None
        middle = QHBoxLayout() if beside else QVBoxLayout()
        middle.setSpacing(6)
        if self._board is not None:
            middle.addWidget(self._board, 5)
        if side:
            column = QVBoxLayout()
            column.setSpacing(6)
            for view in side:
                column.addWidget(view, 1)
            middle.addLayout(column, 4)
        outer.addLayout(middle, 1)
        if "timeline" in views:
            outer.addWidget(TimelineView(traces, theme))

    @property
    def _caption_lines(self) -> int:
        return 1 if self._spec.width >= 600 else 2

    def _natural_height(self) -> int:
        """The height that the views need at the width of the Spec."""
        spec = self._spec
        plots = [view for view in spec.views if view in ("states", "curves")]
        beside = spec.width >= _BESIDE and self._board is not None
        board_width = (spec.width * 5 // 9 if beside and plots else spec.width) - 20
        height = board_width if self._board is not None else 0
        if plots and not beside:
            height += len(plots) * (board_width * 3 // 5 + 6)
        rest = (
            16
            + (26 if spec.title else 0)
            + (28 + 18 * self._caption_lines if spec.captions else 0)
            + (92 if "timeline" in spec.views else 0)
        )
        return height + rest

    def _settle(self) -> None:
        """Wait until background results are shown."""
        for _ in range(3):
            done: list[bool] = []
            QTimer.singleShot(0, lambda done=done: self._background.run(lambda: None, lambda _: done.append(True)))  # type: ignore[misc]
            while not done:
                QApplication.processEvents()
            QApplication.processEvents()

    # Pictures --------------------------------------------------------------------------------------------------------

    def go(self, step: int) -> None:
        """Show a step."""
        self._traces.set_cursor(step)
        words = headline(self._trace, step)
        fits = self._what.fontMetrics().horizontalAdvance(words) <= self._what.width()
        short = words.partition(": ")[2]  # the timeline shows the segment too
        self._what.setText(words if fits else short[0].upper() + short[1:])
        self._outcome.setText(" · ".join(count_words(self._traces.verdict.counts, step)))
        self.setAccessibleName(step_name(self._trace, step))

    def image(self) -> QImage:
        """The picture in device pixels; the application was started with `Spec.scale`."""
        return self.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)

    def pixels(self) -> QSize:
        return self.size() * self.devicePixelRatioF()

    def closeEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        self._background.close()
        super().closeEvent(event)

"""Above the board of an ARC task: its examples, and which of its inputs the model reasons about."""

from __future__ import annotations

import qtawesome
from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hrm_model.tasks.arc.puzzle import ArcPuzzle
from hrm_model.tasks.arc.task import ArcTask
from hrm_studio.models.explore import ExploreModel
from hrm_studio.theme import Theme
from hrm_studio.ui.explore.arc_attempts import ArcAttempts
from hrm_studio.ui.explore.arc_pictures import CAPTION, HEIGHT, MARGIN, PairButton
from hrm_studio.ui.widgets.elided import Elided


class ArcStrip(QWidget):
    """Hidden for other puzzles. Choosing a task or a pair reasons about it.

    Signals
    -------
    toggled(bool)   the strip is about to be shown, or is hidden
    """

    toggled = Signal(bool)

    def __init__(self, explore: ExploreModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._explore, self._arc, self._theme = explore, explore.arc, theme
        self._shown: ArcPuzzle | None = None
        self._listed: tuple[ArcPuzzle, ...] = ()
        self._on = False
        self.title = QLabel("", objectName="heading")
        self.tasks = QComboBox(editable=True, insertPolicy=QComboBox.InsertPolicy.NoInsert, accessibleName="ARC task")
        self.tasks.setToolTip("The task. Type a part of its name to search.")
        self.tasks.setMaxVisibleItems(20)
        self.tasks.setMinimumWidth(150)
        completer = self.tasks.completer()
        assert completer is not None  # an editable box has a completer
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.before, self.after = self._tool("mdi6.chevron-left", "Previous task", -1), self._tool("mdi6.chevron-right", "Next task", 1)
        self.count = QLabel("", objectName="muted")
        self.note = Elided("muted")
        self.note.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.pairs = QWidget()
        self.attempts = ArcAttempts(explore, theme)
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        outer = QHBoxLayout(self.pairs)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(12)
        outer.addLayout(self._row)
        outer.addWidget(self.attempts)
        outer.addStretch(1)
        self.area = QScrollArea(widgetResizable=True)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(self.pairs)
        self.area.setFixedHeight(HEIGHT + CAPTION + 2 * MARGIN + self.area.horizontalScrollBar().sizeHint().height() + 2)
        self._group = QButtonGroup(self)
        self._lay_out()
        self.tasks.activated.connect(self._choose)
        self._group.buttonClicked.connect(self._take)
        self.attempts.updated.connect(lambda: QTimer.singleShot(0, self, self._scroll_to_attempts))  # after they are laid out
        self._arc.changed.connect(self._show)
        self._arc.identified.connect(self._show_note)
        explore.puzzle.changed.connect(self._show)
        theme.changed.connect(self._colours)
        self._colours()
        self._show()

    def _tool(self, icon: str, tip: str, by: int) -> QToolButton:
        button = QToolButton(objectName="flat", toolTip=tip, accessibleName=tip, focusPolicy=Qt.FocusPolicy.TabFocus)
        button.setProperty("icon_name", icon)
        button.clicked.connect(lambda: self._choose(self._arc.at + by))
        return button

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(6)
        for widget in (self.title, self.before, self.tasks, self.after, self.count):
            head.addWidget(widget)
        head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 6, 10, 4)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.area)
        foot = QHBoxLayout()
        foot.setSpacing(12)
        foot.addWidget(self.attempts.controls)
        foot.addWidget(self.note, 1)
        foot.addStretch()  # takes room only while the note is hidden
        layout.addLayout(foot)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def _colours(self) -> None:
        for button in (self.before, self.after):
            colours = self._theme.palette
            button.setIcon(qtawesome.icon(button.property("icon_name"), color=colours.text, color_disabled=colours.border))
        self._show_note()
        self.update()

    @property
    def buttons(self) -> list[PairButton]:
        """The buttons of the pairs, in order."""
        return [button for button in self._group.buttons() if isinstance(button, PairButton)]

    # Showing -----------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        task = self._arc.task
        shown = isinstance(self._explore.puzzle.task, ArcTask) and task is not None
        if shown != self._on:
            self._on = shown
            self.hide()
            self.toggled.emit(shown)  # emitted while hidden: others make room first, so that the window need not grow
        self.setVisible(shown)
        if task is None:
            return
        several, at = len(self._arc.tasks) > 1, self._arc.at
        if self._listed is not self._arc.tasks:
            self._listed = self._arc.tasks
            with QSignalBlocker(self.tasks):
                self.tasks.clear()
                self.tasks.addItems([listed.name for listed in self._listed])
        with QSignalBlocker(self.tasks):
            self.tasks.setCurrentIndex(at)
        self.title.setText("ARC task" if several else f"ARC task {task.name}" if task.name else "Pasted ARC task")
        for widget in (self.tasks, self.before, self.after, self.count):
            widget.setVisible(several)
        self.count.setText(f"{at + 1:,} of {len(self._listed):,}" if at >= 0 else f"{task.name or 'pasted'}, not in this list")
        self.before.setEnabled(at > 0)
        self.after.setEnabled(at < len(self._listed) - 1)
        if task is not self._shown:
            self._fill(task)
        self._mark()
        self._show_note()

    def _show_note(self) -> None:
        """Whether the model was trained on this task; a warning colour if it was not."""
        known = self._arc.known
        self.note.setVisible(known is not None and bool(known.words))
        if known is not None:
            self.note.setText(known.words if known.trained else f"▲ {known.words}")
            self.note.setStyleSheet("" if known.trained else f"color: {self._theme.palette.warning}")

    def _fill(self, task: ArcPuzzle) -> None:
        self._shown = task
        while (item := self._row.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                if isinstance(widget, QAbstractButton):
                    self._group.removeButton(widget)
                widget.hide()
                widget.deleteLater()
        tests = [("Test" if len(task.test) == 1 else f"Test {k}", pair) for k, pair in enumerate(task.test, 1)]
        for caption, pair in [(f"Example {k}", pair) for k, pair in enumerate(task.train, 1)] + tests:
            button = PairButton(pair, caption, caption.startswith("Test"), self._theme)
            self._group.addButton(button)
            self._row.addWidget(button)
        self.area.horizontalScrollBar().setValue(0)

    def _mark(self) -> None:
        """Check the pair whose input is the puzzle; none if the puzzle was edited."""
        self._group.setExclusive(False)
        for button in self.buttons:
            button.setChecked(button.pair is self._arc.pair)
        self._group.setExclusive(True)

    def _scroll_to_attempts(self) -> None:
        bar = self.area.horizontalScrollBar()
        bar.setValue(bar.maximum())

    # Choosing ----------------------------------------------------------------------------------------------------------

    def _choose(self, at: int) -> None:
        if 0 <= at < len(self._arc.tasks):
            self._explore.show_arc(self._arc.tasks[at])

    def _take(self, button: QAbstractButton) -> None:
        assert isinstance(button, PairButton)
        assert self._arc.task is not None
        self._explore.show_arc(self._arc.task, button.pair)
        self._mark()  # a click on the checked button must leave it checked

"""A dialog that lists the traces of a file and opens the chosen one. For files of probes, comparisons and evaluated sets."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QAbstractItemView, QDialog, QHeaderView, QLabel, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from hrm_model.tasks.base import short_name
from hrm_studio.models.opened_file import OpenedFile

_COLUMNS = ("", "Trace", "Outcome", "Segments", "Steps", "States")
_REST_MS = 150  # a trace is read after the choice has rested this long
_SEARCH_FROM = 9  # a file of at least so many traces has a search field


class FileTraces(QDialog):
    """Stays open beside the studio until it is closed.

    Signals
    -------
    wanted(object, int)     the Path, and the number of the chosen trace, counted from 0
    """

    wanted = Signal(object, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Traces of this file")
        self._opened: OpenedFile | None = None
        self.rows: list[QTreeWidgetItem] = []
        self.about = QLabel(objectName="muted", wordWrap=True)
        self.search = QLineEdit(placeholderText="Search: title, task, model, solved, unsolved", clearButtonEnabled=True)
        self.search.setAccessibleName("Search the file's traces")
        self.list = QTreeWidget(rootIsDecorated=False, uniformRowHeights=True, accessibleName="Traces of this file")
        self.list.setColumnCount(len(_COLUMNS))
        self.list.setHeaderLabels(list(_COLUMNS))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.header().setStretchLastSection(False)
        for column in range(len(_COLUMNS)):
            stretched = QHeaderView.ResizeMode.Stretch if column == 1 else QHeaderView.ResizeMode.ResizeToContents
            self.list.header().setSectionResizeMode(column, stretched)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(8)
        for widget in (self.about, self.search, self.list):
            layout.addWidget(widget)
        self.resize(640, 420)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._ask)
        self.search.textChanged.connect(self._filter)
        self.list.currentItemChanged.connect(lambda: self._rest.start())

    def show_file(self, opened: OpenedFile) -> None:
        """List a file's traces and choose the one that is shown."""
        before, self._opened = self._opened, opened
        if before is None or before.path != opened.path or before.entries != opened.entries:
            self._fill(opened)
        if self._place() != opened.at:
            self.list.setCurrentItem(self.rows[opened.at])
        self._rest.stop()  # it is shown already

    def _fill(self, opened: OpenedFile) -> None:
        self.about.setText(f"{opened.path.name} has {len(opened.entries)} traces. Explore shows the one that you choose here.")
        self.about.setToolTip(str(opened.path))
        self.search.setVisible(len(opened.entries) >= _SEARCH_FROM)
        self.search.clear()
        self.rows = []
        for number, entry in enumerate(opened.entries, 1):
            outcome = {True: "★ solved", False: "not solved", None: "no solution known"}[entry.solved]
            cells = (number, entry.title or short_name(entry.task), outcome, entry.segments, entry.steps, entry.states)
            self.rows.append(QTreeWidgetItem([str(cell) for cell in cells]))
            for column in (0, 3, 4):
                self.rows[-1].setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.rows[-1].setToolTip(1, f"{short_name(entry.task)}, {entry.model or 'unnamed model'}")
        self.list.clear()
        self.list.addTopLevelItems(self.rows)

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        for place, entry in enumerate(self._opened.entries if self._opened is not None else ()):
            outcome = {True: "solved", False: "unsolved", None: ""}[entry.solved]
            there = f"{entry.title} {entry.task} {entry.model}".lower()
            self.rows[place].setHidden(not all(word == outcome or word in there for word in words))

    def _place(self) -> int:
        item = self.list.currentItem()
        return -1 if item is None else self.list.indexOfTopLevelItem(item)

    def _ask(self) -> None:
        place = self._place()
        if self._opened is not None and 0 <= place != self._opened.at:
            self.wanted.emit(self._opened.path, place)

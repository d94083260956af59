"""The Traces page: find, annotate, open, export and delete recorded traces. Wiring only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import qtawesome
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QSpinBox,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from hrm_model.errors import PuzzleError
from hrm_model.folders import person
from hrm_model.tasks.registry import task_named
from hrm_studio.actions import Entry, typing_now
from hrm_studio.models.comparison import MOST_PANES
from hrm_studio.models.trace_shelf import KeptTrace
from hrm_studio.studio import Studio
from hrm_studio.ui.dialogs.export_trace import ExportDialog
from hrm_studio.ui.traces.trace_details import TraceDetails
from hrm_studio.ui.traces.trace_list import TraceRowDelegate, TraceRows
from hrm_studio.ui.widgets.undo_bar import UndoBar
from hrm_studio.units import size


class TracesPage(QWidget):
    """Built by the window from the objects that pages share."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self.library = studio.trace_library
        self.rows = TraceRows(self.library, self)
        self.search = QLineEdit(placeholderText="Search title, task, model, tag, note, solved, unsolved", clearButtonEnabled=True)
        self.search.setAccessibleName("Search traces")
        self.list = QListView(objectName="runs", accessibleName="Traces", uniformItemSizes=True, mouseTracking=True)
        self.details = TraceDetails(studio.theme)
        self.bar = UndoBar()
        self.empty = QLabel(objectName="muted", alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self.used, self.automatic = QLabel(objectName="muted"), QLabel(objectName="muted")
        self.faulty = QLabel(wordWrap=True, visible=False)
        self.limit = QSpinBox(minimum=0, maximum=1_000_000, singleStep=100, suffix=" MB", keyboardTracking=False)
        self.limit.setToolTip(
            "Explore saves every trace automatically. The oldest are deleted when they exceed this limit; 0 turns this off."
        )
        self.limit.setAccessibleName("Limit for automatically saved traces")
        self.limit.setValue(self.library.limit_mb)
        self.take = QPushButton("Add a file …", toolTip="Copy a trace file into this list. You can also drop it on this page")
        self.setAcceptDrops(True)
        self._lay_out()
        self._connect()
        self._show_all()
        studio.actions.add(self._entries(), page="traces")

    def _lay_out(self) -> None:
        self.list.setModel(self.rows)
        self.list.setItemDelegate(TraceRowDelegate(self._studio.theme, self.list))
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(12, 12, 6, 12)
        column.setSpacing(8)
        top = QHBoxLayout()
        top.addWidget(self.search, 1)
        top.addWidget(self.take)
        column.addLayout(top)
        column.addWidget(self.empty)
        column.addWidget(self.list, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.used, 1)
        foot.addWidget(self.automatic)
        foot.addWidget(self.limit)
        column.addWidget(self.faulty)
        column.addLayout(foot)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(10, 14, 16, 12)
        column.addWidget(self.details, 1)
        column.addWidget(self.bar)
        splitter = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        splitter.addWidget(left)
        splitter.addWidget(right)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([760, 420])
        left.setMinimumWidth(360)
        right.setMinimumWidth(330)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)

    def _connect(self) -> None:
        library, details = self.library, self.details
        self.search.textChanged.connect(self._search)
        self.take.clicked.connect(self._add_files)
        self.limit.valueChanged.connect(library.set_limit_mb)
        self.list.doubleClicked.connect(lambda _: self.open())
        self.list.customContextMenuRequested.connect(self._menu)
        self.list.selectionModel().selectionChanged.connect(self._show_chosen)
        library.changed.connect(self._show_all)
        library.added.connect(self._choose)
        details.open_wanted.connect(self.open)
        details.export_wanted.connect(self.export)
        details.copy_wanted.connect(self.save_copy)
        details.delete_wanted.connect(self.delete)
        details.compare_wanted.connect(self.compare)
        details.changed.connect(lambda kept, fields: library.change(kept, **fields))
        self._studio.theme.changed.connect(self._icons)
        self._icons()

    def _entries(self) -> list[Entry]:
        return [
            Entry(
                "trace_open",
                "&Trace",
                "Open in Explore",
                "Ctrl+Return",
                "mdi6.eye-outline",
                self.open,
                "Open the selected trace in Explore",
            ),
            Entry(
                "trace_export",
                "&Trace",
                "Export …",
                "",
                "mdi6.image-outline",
                self.export,
                "Pictures, animations and tables of the selected trace",
            ),
            Entry(
                "trace_copy",
                "&Trace",
                "Save a copy …",
                "",
                "mdi6.content-save-outline",
                self.save_copy,
                "Copy the file of the selected trace; several traces are saved as one file",
            ),
            Entry(
                "trace_delete", "&Trace", "Delete", "Del", "mdi6.delete-outline", self.delete, "Delete the selected traces (can be undone)"
            ),
            Entry(
                "trace_compare",
                "&Trace",
                "Compare",
                "",
                "mdi6.compare-horizontal",
                self.compare,
                "Let the models of two to four selected traces reason again, side by side",
            ),
            Entry("trace_add", "&Trace", "Add a file …", "", "mdi6.plus", self._add_files, "Copy a trace file into this list"),
        ]

    def _icons(self) -> None:
        self.faulty.setStyleSheet(f"color: {self._studio.theme.palette.warning}")
        self.take.setIcon(qtawesome.icon("mdi6.plus", color=self._studio.theme.palette.text))

    def showEvent(self, event: QShowEvent) -> None:
        self.library.refresh()
        super().showEvent(event)

    # Looking ---------------------------------------------------------------------------------------------------------

    def chosen(self) -> list[KeptTrace]:
        """The selected traces, in list order."""
        return [self.rows.rows[index.row()] for index in sorted(self.list.selectedIndexes(), key=lambda index: index.row())]

    def _search(self, text: str) -> None:
        self.rows.set_search(text)
        self._show_all()

    def _show_all(self) -> None:
        traces, there = self.library.traces, self.rows.rows
        self.used.setText(f"{len(traces)} trace{'s' if len(traces) != 1 else ''}, {size(sum(kept.nbytes for kept in traces))}")
        faults = self.library.faults
        others = len(faults) - 1
        more = f"; {others} more file{'s' if others > 1 else ''} cannot be read" if others > 0 else ""
        self.faulty.setText(f"▲ {faults[0]}{more}" if faults else "")
        self.faulty.setToolTip("\n".join(faults[:20]))
        self.faulty.setVisible(bool(faults))
        self.automatic.setText(f"saved automatically: {size(self.library.automatic_bytes)} of")
        self.empty.setVisible(not there)
        self.list.setVisible(bool(there))
        self.empty.setText(
            "No trace matches the search." if traces else "No traces yet. Solve a puzzle in Explore; its trace is saved here."
        )
        self._show_chosen()

    def _show_chosen(self) -> None:
        self.details.show_traces(self.chosen())

    def _choose(self, kept: KeptTrace) -> None:
        for row, each in enumerate(self.rows.rows):
            if each.path == kept.path:
                self.list.selectionModel().select(self.rows.index(row), QItemSelectionModel.SelectionFlag.ClearAndSelect)
                self.list.scrollTo(self.rows.index(row))
        self.bar.show_message(f"Saved {kept.title}")

    # Doing -----------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the selected trace in Explore."""
        chosen = self.chosen()
        if chosen:
            self._studio.opener.wanted.emit("trace", chosen[0].path)

    def open_path(self, path: Path) -> None:
        """Add a trace file that was dropped here."""
        self.library.adopt(path)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _trace_files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        for path in _trace_files(event):
            self.open_path(path)

    def _add_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Add trace files", "", "Traces (*.h5 *.hdf5);;All files (*)")
        for name in names:
            self.library.adopt(Path(name))

    def export(self) -> None:
        chosen = self.chosen()
        if chosen:
            ExportDialog(chosen[0].path, self._studio.theme, self._studio.settings, self).open()

    def save_copy(self) -> None:
        chosen = self.chosen()
        if not chosen:
            return
        name, _ = QFileDialog.getSaveFileName(self, "Save a copy", str(person() / chosen[0].path.name), "Traces (*.h5)")
        if not name:
            return
        path = Path(name) if Path(name).suffix else Path(name).with_suffix(".h5")
        if len(chosen) == 1:
            self.library.save_copy(chosen[0], path, self._studio.opener.saved_here)
        else:
            self.library.join(chosen, path, self._studio.opener.saved_here)

    def compare(self) -> None:
        """The selected traces side by side on the page Compare. Their models reason again: the same steps, since nothing is random."""
        chosen, models = self.chosen(), self._studio.models
        if not 2 <= len(chosen) <= MOST_PANES:
            self._studio.opener.refused.emit(f"Select two to {MOST_PANES} traces to compare them.")
            return
        wanted = []
        for kept in chosen:
            path = models.named(kept.model)
            if path is None:
                self._studio.opener.refused.emit(
                    f"{kept.model or 'The model'}, which recorded “{kept.title}”, is not open here. Open it first."
                )
                return
            try:
                task = task_named(kept.task)
                text = task.format_line(task.from_tokens(np.array(kept.given)))
            except PuzzleError as error:
                self._studio.opener.refused.emit(str(error))
                return
            wanted.append((path, kept.segments, text))
        self._studio.opener.comparison_wanted.emit(wanted)

    def delete(self) -> None:
        """Delete the selected traces, with Undo."""
        chosen = self.chosen()
        if not chosen or typing_now():
            return
        self.library.delete(chosen)
        what = f"“{chosen[0].title}”" if len(chosen) == 1 else f"{len(chosen)} traces"
        self.bar.show_message(f"Deleted {what}", lambda: self.library.undelete(chosen))

    def _menu(self, place: QPoint) -> None:
        chosen = self.chosen()
        if not chosen:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for name in ("trace_open", "trace_compare", "trace_export", "trace_copy", "trace_delete"):
            menu.addAction(self._studio.actions.by_name[name])
        menu.popup(self.list.viewport().mapToGlobal(place))


def _trace_files(event: QDropEvent) -> list[Path]:
    """The trace files of a drop. Other drops are left to the window."""
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return paths if paths and all(path.suffix in (".h5", ".hdf5") for path in paths) else []

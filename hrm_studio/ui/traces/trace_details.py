"""The chosen trace: board, facts, title, tags and note."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from hrm_model.tasks.base import short_name
from hrm_studio.models.comparison import MOST_PANES
from hrm_studio.models.trace_shelf import KeptTrace
from hrm_studio.theme import Theme
from hrm_studio.ui.traces.trace_list import outcome, small_board, when
from hrm_studio.units import size

_BOARD = 260  # pixels


class TraceDetails(QWidget):
    """Signals
    -------
    open_wanted(), export_wanted(), copy_wanted(), delete_wanted(), compare_wanted()
    changed(object, dict)   a KeptTrace and its changed fields
    """

    open_wanted = Signal()
    export_wanted = Signal()
    copy_wanted = Signal()
    delete_wanted = Signal()
    compare_wanted = Signal()
    changed = Signal(object, dict)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._kept: KeptTrace | None = None
        self.board = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.board.setFixedHeight(_BOARD + 8)
        self.title = QLineEdit(accessibleName="Title")
        self.tags = QLineEdit(accessibleName="Tags", placeholderText="words separated by spaces")
        self.note = QPlainTextEdit(accessibleName="Note", placeholderText="Write a note", tabChangesFocus=True)
        self.about = QLabel(objectName="muted", wordWrap=True)
        self.about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.keep = QPushButton(
            "Keep permanently", toolTip="This trace was saved automatically and will be deleted when the limit is reached"
        )
        self.hint = QLabel(objectName="muted", alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self.compare = QPushButton("Compare", objectName="primary", visible=False)
        self.compare.setToolTip("Let their models reason again, side by side (two to four traces)")
        self.together = QPushButton("Save as one file …", visible=False)
        self.open = QPushButton("Open in Explore", objectName="primary")
        self.export = QPushButton("Export …", toolTip="Pictures, animations and tables")
        self.copy = QPushButton("Save a copy …")
        self.delete = QPushButton("Delete", toolTip="This can be undone")
        self._inside = QWidget()
        self._lay_out()
        self.title.editingFinished.connect(self._write)
        self.tags.editingFinished.connect(self._write)
        self.note.focusOutEvent = self._left_note  # type: ignore[method-assign]
        self.keep.clicked.connect(self._keep)
        for button, signal in (
            (self.open, self.open_wanted), (self.export, self.export_wanted), (self.copy, self.copy_wanted), (self.delete, self.delete_wanted),
        ):  # fmt: skip
            button.clicked.connect(signal)
        self.together.clicked.connect(self.copy_wanted)
        self.compare.clicked.connect(self.compare_wanted)
        theme.changed.connect(self._show)
        self.show_traces([])

    def _lay_out(self) -> None:
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.board)
        column.addWidget(self.about)
        form = QFormLayout()
        form.setSpacing(8)
        form.addRow("Title", self.title)
        form.addRow("Tags", self.tags)
        column.addLayout(form)
        column.addWidget(self.note, 1)
        column.addWidget(self.keep)
        column.addWidget(self.open)
        row = QHBoxLayout()
        for button in (self.export, self.copy, self.delete):
            row.addWidget(button)
        column.addLayout(row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._inside)
        layout.addWidget(self.hint)
        layout.addWidget(self.compare, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self.together, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch()
        layout.setStretchFactor(self._inside, 1)

    def show_traces(self, chosen: list[KeptTrace]) -> None:
        """Show one trace in full; of several, show the number."""
        kept = chosen[0] if len(chosen) == 1 else None
        if kept == self._kept and kept is not None:
            return
        if kept is None or self._kept is None or kept.path != self._kept.path:
            self._write()  # save edits to the previous trace
        self._kept = kept
        self._inside.setVisible(kept is not None)
        self.hint.setVisible(kept is None)
        self.together.setVisible(len(chosen) > 1)
        self.compare.setVisible(2 <= len(chosen) <= MOST_PANES)
        self.hint.setText(f"{len(chosen)} traces selected" if chosen else "Select a trace to see its details. Double-click to open it.")
        self._show()

    def _show(self) -> None:
        kept = self._kept
        if kept is None:
            return
        self.board.setPixmap(small_board(kept, self._theme.palette, self.font(), _BOARD, self.devicePixelRatioF()))
        word, colour = outcome(kept)
        others = f"<br>{kept.others} more trace{'s' if kept.others > 1 else ''} in this file" if kept.others else ""
        self.about.setText(
            f'<span style="color:{getattr(self._theme.palette, colour)}">{word}</span> · {short_name(kept.task)} · {f"model {kept.model}" if kept.model else "unnamed model"}<br>'
            f"{kept.segments} segments, {kept.steps} steps · states: {kept.states} · {size(kept.nbytes)}<br>{when(kept)}{others}"
        )
        for field, text in ((self.title, kept.title), (self.tags, " ".join(kept.tags))):
            if not field.hasFocus():
                field.setText(text)
        if not self.note.hasFocus():
            self.note.setPlainText(kept.note)
        self.keep.setVisible(kept.automatic)

    def _write(self) -> None:
        """Emit the fields that were edited."""
        kept = self._kept
        if kept is None:
            return
        tags = tuple(dict.fromkeys(self.tags.text().replace("#", " ").replace(",", " ").split()))
        fields = {"title": self.title.text().strip() or kept.title, "tags": tags, "note": self.note.toPlainText()}
        if any(getattr(kept, name) != value for name, value in fields.items()):
            self.changed.emit(kept, fields)

    def _keep(self) -> None:
        if self._kept is not None:
            self.changed.emit(self._kept, {"automatic": False})

    def _left_note(self, event: QFocusEvent) -> None:
        QPlainTextEdit.focusOutEvent(self.note, event)
        self._write()

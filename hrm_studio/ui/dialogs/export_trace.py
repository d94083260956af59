"""Export a trace as pictures, animations or tables, with progress and Cancel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from hrm_model.errors import HRMError
from hrm_model.folders import person
from hrm_model.trace.data import Trace
from hrm_studio.export import tables
from hrm_studio.export.spec import ANIMATIONS, VIEWS, Spec
from hrm_studio.services.background import Background
from hrm_studio.services.exporter import Exporter
from hrm_studio.theme import Theme
from hrm_studio.ui.widgets.error_label import ErrorLabel
from hrm_studio.ui.widgets.number_box import NumberBox
from hrm_studio.units import size

_KINDS = {
    "gif": "Animation: GIF", "mp4": "Animation: MP4 (needs the extra “video”)", "frames": "Animation: one PNG per step", "png": "Picture: PNG",
    "svg": "Picture: SVG (vector)", "pdf": "Picture: PDF (vector)", "csv": "Table: curves and answers as CSV", "npy": "Arrays: .npy files",
}  # fmt: skip
_VIEW_NAMES = {"board": "Board", "states": "States", "curves": "Curves", "timeline": "Timeline"}
_TABLES = ("csv", "npy")


class ExportDialog(QDialog):
    """Exports one file at a time; stays open for the next.

    Signals
    -------
    made(object)    the Path of the exported file
    """

    made = Signal(object)

    def __init__(
        self,
        trace: Path,
        theme: Theme,
        settings: QSettings,
        parent: QWidget | None = None,
        *,
        step: int = -1,
        name: str = "",
        steps: int = 0,
    ) -> None:
        """`step`: the step of a picture at first. `steps`: the number of steps; 0 if unknown."""
        super().__init__(parent)
        self.setWindowTitle("Export trace")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._trace, self._settings, self._name = trace, settings, name
        self.exporter = Exporter(self)
        self._background = Background(self)
        self.kind = QComboBox(accessibleName="Format")
        for kind, label in _KINDS.items():
            self.kind.addItem(label, kind)
        self.which = QComboBox(accessibleName="Trace of the file")
        self.views = {view: QCheckBox(_VIEW_NAMES[view], checked=view in ("board", "timeline")) for view in VIEWS}
        self.theme = QComboBox(accessibleName="Theme")
        self.theme.addItems(["light", "dark"])
        self.theme.setCurrentText(theme.palette.name)
        self.width_ = QSpinBox(minimum=320, maximum=4096, singleStep=40, value=480, suffix=" px", accessibleName="Width")
        self.height_ = QSpinBox(
            minimum=0, maximum=4096, singleStep=40, value=0, suffix=" px", specialValueText="automatic", accessibleName="Height"
        )
        self.scale = NumberBox(minimum=0.5, maximum=8, singleStep=0.5, value=1, decimals=1, prefix="× ")
        self.scale.setToolTip("Pixels in the file per pixel of width. 2 is sharp on high-resolution screens and in print")
        self.caption = QLineEdit(placeholderText="none")
        self.captions = QCheckBox("Describe each step", checked=True)
        last = max(steps - 1, 0) if steps else 1_000_000
        self.step = QSpinBox(minimum=-1, maximum=last, value=step, specialValueText="last", accessibleName="Step")
        self.speed = NumberBox(minimum=0.5, maximum=60, value=8, decimals=1, suffix=" steps/s")
        self.whole = QCheckBox("All steps, even after the answer is right for good")
        self.error = ErrorLabel()
        self.status = QLabel(objectName="muted", wordWrap=True)
        self.bar = QProgressBar(visible=False, textVisible=False, maximumHeight=8)
        self.go = QPushButton("Export …", objectName="go", default=True)
        self.stop = QPushButton("Cancel", visible=False)
        self.show_ = QPushButton("Open file", visible=False)
        self._made: Path | None = None
        self._lay_out()
        self._restore()
        self.kind.currentIndexChanged.connect(self._show_fitting)
        self.go.clicked.connect(self._ask_where)
        self.stop.clicked.connect(self.exporter.cancel)
        self.show_.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._made))))
        self.exporter.progress.connect(self._progress)
        self.exporter.finished.connect(self._finished)
        self.exporter.failed.connect(self._failed)
        self._show_fitting()
        self._find_traces()

    def _lay_out(self) -> None:
        self.form = QFormLayout()
        self.form.setSpacing(8)
        self.form.addRow("Format", self.kind)
        self.form.addRow("Trace", self.which)
        self.form.setRowVisible(self.which, False)
        views = QHBoxLayout()
        for box in self.views.values():
            views.addWidget(box)
        views.addStretch()
        self.rows: dict[str, QWidget] = {}
        for name, label, content in (
            ("views", "Views", views), ("theme", "Theme", self.theme), ("size", "Width, height", _row(self.width_, self.height_)), ("scale", "Scale", self.scale),
            ("caption", "Title", self.caption), ("captions", "Captions", self.captions), ("step", "Step", self.step), ("speed", "Speed", self.speed),
            ("whole", "Length", self.whole),
        ):  # fmt: skip
            holder = content
            if not isinstance(content, QWidget):
                holder = QWidget()
                content.setContentsMargins(0, 0, 0, 0)
                holder.setLayout(content)
            assert isinstance(holder, QWidget)
            self.rows[name] = holder
            self.form.addRow(label, holder)
        buttons = QHBoxLayout()
        buttons.addWidget(self.status, 1)
        for button in (self.show_, self.stop, self.go):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        layout.setSpacing(12)
        layout.addLayout(self.form)
        layout.addWidget(self.error)
        layout.addWidget(self.bar)
        layout.addLayout(buttons)
        self.setMinimumWidth(480)

    def _show_fitting(self) -> None:
        """Show only the rows that apply to the chosen format."""
        kind = self.kind.currentData()
        moving, drawn = kind in ANIMATIONS, kind not in _TABLES
        for name, holder in self.rows.items():
            self.form.setRowVisible(
                holder, {"step": drawn and not moving, "speed": moving and kind != "frames", "whole": moving}.get(name, drawn)
            )
        self.adjustSize()

    def _find_traces(self) -> None:
        """Offer a choice of trace if the file holds several."""
        from hrm_model.trace_file.io import info

        def work() -> list[tuple[str, str]]:
            try:
                return [(entry.title or entry.name, entry.name) for entry in info(self._trace)]
            except (HRMError, OSError):
                return []  # the export will report the error

        def show(found: list[tuple[str, str]]) -> None:
            for number, (title, name) in enumerate(found, 1):
                self.which.addItem(f"{number}   {title}", name)
            self.which.setCurrentIndex(max(0, self.which.findData(self._name)))
            self.form.setRowVisible(self.which, len(found) > 1)
            self.adjustSize()

        self._background.run(work, show)

    # Making ----------------------------------------------------------------------------------------------------------

    def spec(self) -> Spec:
        """The chosen settings. Raises ExportError if they are not valid."""
        return Spec(
            self.kind.currentData(), tuple(view for view, box in self.views.items() if box.isChecked()), self.theme.currentText(),  # type: ignore[arg-type]
            self.width_.value(), self.height_.value(), self.scale.value(), self.caption.text().strip(), self.captions.isChecked(), self.step.value(),
            whole=self.whole.isChecked(), speed=self.speed.value(),
        )  # fmt: skip

    def _ask_where(self) -> None:
        kind = self.kind.currentData()
        ending = {"frames": "_frames", "npy": "_arrays"}.get(kind, f".{kind}")
        proposal = str(Path(str(self._settings.value("export_folder", person()))) / f"{self._trace.stem}{ending}")
        where, _ = QFileDialog.getSaveFileName(self, "Export trace", proposal)
        if where:
            path = Path(where)
            self.make(path if path.suffix or kind in ("frames", "npy") else path.with_suffix(f".{kind}"))

    def make(self, out: Path) -> None:
        """Start exporting; the dialog is ready again when it is done."""
        self.error.show_message("")
        kind = self.kind.currentData()
        try:
            spec = None if kind in _TABLES else self.spec()
        except HRMError as error:
            self.error.show_message(str(error))
            return
        self._keep(out)
        self._name = self.which.currentData() or self._name
        self._busy(True)
        self.status.setText("Starting …")
        if spec is not None:
            self.exporter.start(self._trace, self._name, spec, out)
        else:
            self._table(tables.write_csv if kind == "csv" else tables.write_npy, out)

    def _table(self, write: Callable[[Trace, Path], object], out: Path) -> None:
        from hrm_model.trace_file.io import TraceReader

        def work() -> str:
            try:
                with TraceReader(self._trace) as reader:
                    write(reader.read(self._name or reader.names[0]), out)
            except (HRMError, OSError) as error:
                return str(error)
            return ""

        self._background.run(work, lambda fault: self._failed(fault) if fault else self._finished(out))

    def _progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.status.setText(f"Frame {done} of {total}")

    def _finished(self, path: Path) -> None:
        self._busy(False)
        self._made = path
        held = sum(f.stat().st_size for f in path.iterdir()) if path.is_dir() else path.stat().st_size
        self.status.setText(f"Saved {path.name} ({size(held)})")
        self.status.setToolTip(str(path))
        self.show_.show()
        self.made.emit(path)

    def _failed(self, sentence: str) -> None:
        self._busy(False)
        self.status.setText("" if sentence else "Cancelled. Nothing was saved.")
        self.error.show_message(sentence)

    def _busy(self, busy: bool) -> None:
        for widget in (self.kind, self.which, self.go, *self.rows.values()):
            widget.setEnabled(not busy)
        self.bar.setRange(0, 0)
        for widget, shown in ((self.bar, busy), (self.stop, busy), (self.show_, False)):
            widget.setVisible(shown)

    # Kept from one time to the next ----------------------------------------------------------------------------------

    def _restore(self) -> None:
        kind = self._settings.value("export_kind", "gif")
        self.kind.setCurrentIndex(max(0, self.kind.findData(kind)))
        views = str(self._settings.value("export_views", "")).split()
        if any(view in VIEWS for view in views):
            for view, box in self.views.items():
                box.setChecked(view in views)

    def _keep(self, out: Path) -> None:
        self._settings.setValue("export_folder", str(out.parent))
        self._settings.setValue("export_kind", self.kind.currentData())
        self._settings.setValue("export_views", " ".join(view for view, box in self.views.items() if box.isChecked()))

    def done(self, result: int) -> None:
        self.exporter.close()
        self._background.close()
        super().done(result)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.exporter.close()
        self._background.close()
        super().closeEvent(event)


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch()
    return row

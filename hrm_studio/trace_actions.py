"""Actions of the File menu on the open trace: save, keep, export. New recordings are kept automatically."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from hrm_model.folders import person
from hrm_studio.actions import Entry
from hrm_studio.export.names import file_name
from hrm_studio.models.opener import Opener
from hrm_studio.models.trace_library import TraceLibrary
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.studio import Studio
from hrm_studio.ui.dialogs.export_trace import ExportDialog
from hrm_studio.ui.dialogs.panel_picture import PanelPictureDialog, panels_of
from hrm_studio.ui.dialogs.save_trace import SaveTraceDialog

if TYPE_CHECKING:  # the window's start needs no HDF5
    from hrm_model.trace_file.io import Extras


class TraceActions(QObject):
    """Made once by the window."""

    def __init__(self, studio: Studio, window: QWidget) -> None:
        super().__init__(window)
        self._studio, self._window = studio, window
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._count = 0
        self._recording = False  # whether the open trace is being recorded now, not opened from a file
        library: TraceLibrary = studio.trace_library
        opener: Opener = studio.opener
        reasoner: Reasoner = studio.reasoner
        library.refused.connect(opener.refused)
        reasoner.trace_started.connect(self._begun)
        reasoner.trace_finished.connect(self._keep_automatically)
        studio.actions.add(
            [
                Entry("trace_save", "&File", "Save the trace …", "Ctrl+S", "mdi6.content-save-outline", self.save, "The open trace as a file (.h5)"),
                Entry("trace_keep", "&File", "Keep the trace", "", "mdi6.bookmark-plus-outline", self.keep, "The open trace, with all its states, on the page Traces"),
                Entry("trace_pictures", "&File", "Export pictures and tables …", "Ctrl+Shift+E", "mdi6.image-outline", self.export, "PNG, SVG, PDF, GIF, MP4, CSV or arrays of the open trace"),
                Entry("panel_picture", "&File", "Picture of a panel …", "", "mdi6.camera-outline", self.panel_picture, "Any panel as it is shown: PNG, SVG or PDF"),
            ]
        )  # fmt: skip

    @property
    def _traces(self) -> TraceModel:
        return self._studio.traces

    def _extras(self) -> Extras:
        """What is saved with the open trace: the extras of its file, and attention kept since."""
        from hrm_model.trace_file.io import Extras

        # The trace that it branched from is not in the new file.
        return replace(self._traces.extras or Extras(), parent="", parent_step=-1, attention=dict(self._traces.attention))

    def _begun(self) -> None:
        self._recording = True

    def _keep_automatically(self) -> None:
        recorded, self._recording = self._recording, False
        if recorded and self._traces.trace is not None:
            self._studio.trace_library.keep_automatically(self._traces.trace)

    def save(self) -> None:
        """Ask for the form and the file, then write in the background."""
        trace = self._traces.trace
        if trace is None:
            self._studio.opener.refused.emit("There is no trace to save yet: let a model reason about a puzzle first.")
            return
        extras = self._extras()
        dialog = SaveTraceDialog(trace, self._window, more=extras.nbytes())
        wanted, states = dialog.exec(), dialog.states()
        dialog.deleteLater()
        if not wanted:
            return
        name, _ = QFileDialog.getSaveFileName(self._window, "Save the trace", str(person() / f"{file_name(trace)}.h5"), "Traces (*.h5)")
        if name:
            path = Path(name) if Path(name).suffix else Path(name).with_suffix(".h5")
            self._studio.trace_library.save(trace, path, states, self._studio.opener.saved_here, extras)

    def keep(self) -> None:
        """Keep the open trace on the page Traces for good."""
        if self._traces.trace is not None:
            self._studio.trace_library.keep(self._traces.trace, self._extras())

    def export(self) -> None:
        """Write the open trace to a temporary file, and open the export dialog on it."""
        trace = self._traces.trace
        if trace is None:
            self._studio.opener.refused.emit("There is no trace to show yet: let a model reason about a puzzle first.")
            return
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="hrm-studio-")
        self._count += 1
        path = Path(self._folder.name) / str(self._count) / f"{file_name(trace)}.h5"
        path.parent.mkdir()
        self._studio.trace_library.save(trace, path, "full", lambda written: self._show_export(written, self._traces.cursor, len(trace)))

    def _show_export(self, path: Path, step: int, steps: int) -> None:
        dialog = ExportDialog(path, self._studio.theme, self._studio.settings, self._window, step=step, steps=steps)
        dialog.open()

    def panel_picture(self) -> None:
        """Save a panel of the current page as a picture."""
        page = self._window.stack.currentWidget()  # type: ignore[attr-defined]
        PanelPictureDialog(panels_of(page), self._studio.settings, self._window).open()

    def close(self) -> None:
        """The window closes."""
        self._studio.trace_library.close()
        if self._folder is not None:
            self._folder.cleanup()

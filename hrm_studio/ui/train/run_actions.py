"""Actions on a run: its menu and the confirmations that some actions need."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QInputDialog, QMenu, QMessageBox, QWidget

from hrm_model.errors import HRMError, write_failure
from hrm_studio.models.runs import RunModel, RunsModel
from hrm_studio.ui.widgets.undo_bar import UndoBar


class RunActions(QObject):
    """Signals
    -------
    refused(str)            why an action failed
    overlay_wanted(object)  overlay a RunModel's curves, or remove them
    edit_wanted(object)     a new run with a RunModel's settings
    fork_wanted(object)     a new run from a RunModel's last checkpoint, with other settings
    """

    refused = Signal(str)
    overlay_wanted = Signal(object)
    edit_wanted = Signal(object)
    fork_wanted = Signal(object)

    def __init__(self, runs: RunsModel, bar: UndoBar, widget: QWidget) -> None:
        super().__init__(widget)
        self._runs, self._bar, self._widget = runs, bar, widget
        self._to_delete: set[RunModel] = set()  # discarded runs, deleted once their trainer has ended
        runs.changed.connect(self._delete_discarded)

    def menu(self, run: RunModel, shown: bool) -> QMenu:
        """The menu of a run. `shown`: its curves are overlaid."""
        summary = run.summary
        menu = QMenu(self._widget)
        menu.addAction("Remove from the plots" if shown else "Overlay in the plots", lambda: self.overlay_wanted.emit(run))
        menu.addSeparator()
        if summary.state != "unreadable":
            if summary.state == "unknown":
                menu.addAction("Its trainer has ended", lambda: self.tried(lambda: self._runs.declare_ended(run)))
            elif not summary.live and summary.state not in ("finished", "diverged"):
                menu.addAction("Resume", lambda: self.tried(lambda: self._runs.resume(run)))
            menu.addAction("New run with these settings …", lambda: self.edit_wanted.emit(run))
            fork = menu.addAction("Continue with changes …", lambda: self.fork_wanted.emit(run))
            fork.setEnabled(summary.model is not None)
            menu.addSeparator()
        menu.addAction("Rename …", lambda: self._ask_name(run)).setEnabled(not summary.live)
        menu.addAction("Open folder", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.path))))
        menu.addAction("Delete", lambda: self.delete(run)).setEnabled(not summary.live)
        return menu

    def show_menu(self, run: RunModel, shown: bool, place: QPoint) -> None:
        menu = self.menu(run, shown)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def tried(self, act: Callable[[], object]) -> bool:
        """Run an action; show the error if it fails. Whether it succeeded."""
        try:
            act()
        except (HRMError, OSError) as error:
            self.refused.emit(write_failure(error) if isinstance(error, OSError) else str(error))
            return False
        return True

    def control(self, run: RunModel, name: str) -> bool:
        """A button of the header: pause, resume, change, save, stop or discard. False if it failed."""
        if name == "discard":
            self._ask_discard(run)
            return True
        if name == "change":
            (self.fork_wanted if run.summary.model is not None else self.edit_wanted).emit(run)
            return True
        return self.tried(lambda: self._runs.resume(run) if name == "resume" else self._runs.command(run, name))

    def _ask_name(self, run: RunModel) -> None:
        name, ok = QInputDialog.getText(self._widget, "Rename run", "Folder name", text=run.name)
        if ok:
            self.tried(lambda: self._runs.rename(run, name))

    def delete(self, run: RunModel) -> None:
        """Move a run to the trash, with Undo."""
        name = run.name
        if self.tried(lambda: self._runs.delete(run)):
            self._bar.show_message(f"Deleted {name}", self.undo_delete)

    def undo_delete(self) -> None:
        self.tried(self._runs.undo_delete)

    def _ask_discard(self, run: RunModel) -> None:
        box = QMessageBox(self._widget)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setText(f"Discard {run.name}?")
        box.setInformativeText(
            "Training ends without saving another checkpoint, and the run moves to the trash. You can restore it for a week."
        )
        discard = box.addButton("Discard", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton("Keep training", QMessageBox.ButtonRole.RejectRole))
        box.buttonClicked.connect(lambda button: self.discard(run) if button is discard else None)
        box.open()

    def discard(self, run: RunModel) -> None:
        """End the trainer without a checkpoint, then delete the run."""
        if self.tried(lambda: self._runs.command(run, "abort")):
            self._to_delete.add(run)

    def _delete_discarded(self, run: RunModel) -> None:
        if run in self._to_delete and not run.summary.live:
            self._to_delete.discard(run)
            self.delete(run)


def ask_before_closing(live: list[RunModel], parent: QWidget) -> str:
    """What to do with runs that are training: 'keep', 'stop' or 'cancel'."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    names = ", ".join(run.name for run in live[:3]) + (f" and {len(live) - 3} more" if len(live) > 3 else "")
    box.setText("A run is still training." if len(live) == 1 else f"{len(live)} runs are still training.")
    box.setInformativeText(f"{names}\n\nTraining can continue without the studio. Or stop now, save a checkpoint, and resume later.")
    keep = box.addButton("Keep running", QMessageBox.ButtonRole.AcceptRole)
    stop = box.addButton("Stop and save", QMessageBox.ButtonRole.DestructiveRole)
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(keep)
    box.exec()
    return {keep: "keep", stop: "stop", cancel: "cancel"}.get(box.clickedButton(), "cancel")  # type: ignore[call-overload, no-any-return]

"""What can be done with a run beyond its buttons: the menu, and the questions that some of it asks first."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QInputDialog, QMenu, QMessageBox, QWidget

from hrm_model.errors import HRMError
from hrm_studio.models.runs import RunModel, RunsModel
from hrm_studio.ui.widgets.undo_bar import UndoBar
from hrm_studio.words import disk_trouble


class RunActions(QObject):
    """Signals
    -------
    refused(str)            a sentence: why something cannot be done
    overlay_wanted(object)  lay a RunModel's curves over the others, or take them away
    edit_wanted(object)     a new run with a RunModel's settings
    fork_wanted(object)     go on from a RunModel's best weights with other settings
    """

    refused = Signal(str)
    overlay_wanted = Signal(object)
    edit_wanted = Signal(object)
    fork_wanted = Signal(object)

    def __init__(self, runs: RunsModel, bar: UndoBar, widget: QWidget) -> None:
        super().__init__(widget)
        self._runs, self._bar, self._widget = runs, bar, widget
        self._to_delete: set[RunModel] = set()  # discarded ones: deleted as soon as their trainer is gone
        runs.changed.connect(self._delete_discarded)

    def menu(self, run: RunModel, shown: bool) -> QMenu:
        """Everything that can be done with a run. `shown`: its curves lie over another's."""
        summary = run.summary
        menu = QMenu(self._widget)
        menu.addAction("Take its curves away" if shown else "Lay its curves over the others", lambda: self.overlay_wanted.emit(run))
        menu.addSeparator()
        if summary.state != "unreadable":
            if not summary.live and summary.state not in ("finished", "diverged"):
                menu.addAction("Resume", lambda: self.tried(lambda: self._runs.resume(run)))
            menu.addAction("New run with these settings …", lambda: self.edit_wanted.emit(run))
            fork = menu.addAction("Go on from here with changes …", lambda: self.fork_wanted.emit(run))
            fork.setEnabled(summary.model is not None)
            menu.addSeparator()
        menu.addAction("Rename …", lambda: self._ask_name(run)).setEnabled(not summary.live)
        menu.addAction("Open its folder", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.path))))
        menu.addAction("Delete", lambda: self.delete(run)).setEnabled(not summary.live)
        return menu

    def show_menu(self, run: RunModel, shown: bool, place: QPoint) -> None:
        menu = self.menu(run, shown)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def tried(self, act: Callable[[], object]) -> bool:
        """Do something that may be refused, and tell why it is."""
        try:
            act()
        except (HRMError, OSError) as error:
            self.refused.emit(disk_trouble(error) if isinstance(error, OSError) else str(error))
            return False
        return True

    def control(self, run: RunModel, name: str) -> bool:
        """A button of the header: pause, resume, change, save, stop or discard. False where it was refused."""
        if name == "discard":
            self._ask_discard(run)
            return True
        if name == "change":
            (self.fork_wanted if run.summary.model is not None else self.edit_wanted).emit(run)
            return True
        return self.tried(lambda: self._runs.resume(run) if name == "resume" else self._runs.command(run, name))

    def _ask_name(self, run: RunModel) -> None:
        name, ok = QInputDialog.getText(self._widget, "Rename this run", "Name of its folder", text=run.name)
        if ok:
            self.tried(lambda: self._runs.rename(run, name))

    def delete(self, run: RunModel) -> None:
        """Take a run away, with a way back for a while."""
        name = run.name
        if self.tried(lambda: self._runs.delete(run)):
            self._bar.tell(f"Deleted {name}", self.undo_delete)

    def undo_delete(self) -> None:
        self.tried(self._runs.undo_delete)

    def _ask_discard(self, run: RunModel) -> None:
        box = QMessageBox(self._widget)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setText(f"Discard {run.name}?")
        box.setInformativeText("Its trainer ends without another checkpoint, and the run is deleted. You can bring it back for a week.")
        discard = box.addButton("Discard", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton("Keep training", QMessageBox.ButtonRole.RejectRole))
        box.buttonClicked.connect(lambda button: self.discard(run) if button is discard else None)
        box.open()

    def discard(self, run: RunModel) -> None:
        """End the trainer without a checkpoint, then delete."""
        if self.tried(lambda: self._runs.command(run, "abort")):
            self._to_delete.add(run)

    def _delete_discarded(self, run: RunModel) -> None:
        if run in self._to_delete and not run.summary.live:
            self._to_delete.discard(run)
            self.delete(run)


def ask_before_closing(live: list[RunModel], parent: QWidget) -> str:
    """What shall become of runs that are being trained: 'keep', 'stop' or 'cancel'."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    names = ", ".join(run.name for run in live[:3]) + (f" and {len(live) - 3} more" if len(live) > 3 else "")
    box.setText("A run is being trained." if len(live) == 1 else f"{len(live)} runs are being trained.")
    box.setInformativeText(
        f"{names}\n\nIt can go on without the studio; you find it here again. Or end it now with a checkpoint, and resume later."
    )
    keep = box.addButton("Keep running", QMessageBox.ButtonRole.AcceptRole)
    stop = box.addButton("Stop and save", QMessageBox.ButtonRole.DestructiveRole)
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(keep)
    box.exec()
    return {keep: "keep", stop: "stop", cancel: "cancel"}.get(box.clickedButton(), "cancel")  # type: ignore[call-overload, no-any-return]

"""The Library page: models on the left; on the right the chosen one, to inspect before loading or to download. Wiring only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox, QScrollArea, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from hrm_model.checkpoint.export import convert, export, keep_settings
from hrm_model.checkpoint.inspect import Inspection, inspect
from hrm_model.errors import HRMError
from hrm_model.folders import person
from hrm_studio.actions import Entry
from hrm_studio.models.downloads import Downloads
from hrm_studio.models.library import LibraryEntry, LibraryModel
from hrm_studio.services.hub_service import Event, HubService
from hrm_studio.studio import Studio
from hrm_studio.ui.library.hub_dialogs import HubSettingsDialog, PushDialog
from hrm_studio.ui.library.hub_panel import HubPanel
from hrm_studio.ui.library.model_details import ModelDetails
from hrm_studio.ui.library.model_list import ModelList
from hrm_studio.ui.widgets.undo_bar import UndoBar


class LibraryPage(QWidget):
    """Built by the window from the objects that pages share."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self.library = LibraryModel(studio.background, studio.settings, self)
        self.service = HubService(self)
        self.downloads = Downloads(self.service, self.library.request_settings, self)
        self.list = ModelList(self.library, self.downloads, studio.theme)
        self.details = ModelDetails(studio.background, studio.theme)
        self.hub = HubPanel(self.downloads, lambda: self.library.hub, studio.theme)
        self.bar = UndoBar()
        self.inspection: Inspection | None = None
        self._by_hand: dict[str, dict[str, Any]] = {}  # settings a person entered, by entry key
        self._stale = True
        self._lay_out()
        self._connect()
        studio.actions.add(self._entries(), page="library")

    def _lay_out(self) -> None:
        area = QScrollArea(widgetResizable=True)
        area.setAccessibleName("The Hub")
        area.setWidget(self.hub)
        self.hub_area = area
        self.stack = QStackedWidget()
        self.stack.addWidget(self.details)
        self.stack.addWidget(area)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(10, 14, 16, 12)
        column.addWidget(self.stack, 1)
        column.addWidget(self.bar)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        self.splitter.addWidget(self.list)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([310, 1000])
        self.list.setMinimumWidth(240)
        right.setMinimumWidth(460)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)

    def _connect(self) -> None:
        self.library.chosen_changed.connect(self._show_chosen)
        self.library.refused.connect(self._studio.opener.refused)
        self.list.open_wanted.connect(self.open_dialog)
        self.list.search_wanted.connect(self.search_hub)
        self.list.hub_settings_wanted.connect(self.hub_settings)
        self.list.menu_wanted.connect(self.show_menu)
        self.list.list.itemDoubleClicked.connect(lambda _: self.explore())
        self.details.explore_wanted.connect(self.explore)
        self.details.convert_wanted.connect(lambda: self._write("Convert to a new folder", convert))
        self.details.export_wanted.connect(lambda: self._write("Export to a new folder", export))
        self.details.push_wanted.connect(self.push)
        self.details.delete_wanted.connect(lambda: self.delete(self.library.chosen))
        self.details.tensors.failed.connect(self._studio.opener.refused)
        self.details.settings.asked.connect(self._asked)
        self.details.settings.keep_wanted.connect(self._keep)
        self.hub.describe_wanted.connect(self.describe)
        self.hub.cancel_wanted.connect(self._cancel_download)
        self.downloads.finished.connect(self._fetched)
        self.library.changed.connect(self.hub.show_reach)  # the settings may be others

    def _entries(self) -> list[Entry]:
        return [
            Entry(
                "library_open",
                "&Library",
                "Open a checkpoint …",
                "",
                "mdi6.folder-open-outline",
                self.open_dialog,
                "A checkpoint folder or a run",
            ),
            Entry(
                "library_explore",
                "&Library",
                "Open in Explore",
                "Ctrl+Return",
                "mdi6.eye-outline",
                self.explore,
                "Use the chosen model in Explore",
            ),
            Entry("library_refresh", "&Library", "Refresh", "F5", "mdi6.refresh", self.library.refresh, "Scan again for models"),
            Entry(
                "library_hub",
                "&Library",
                "Hub settings …",
                "",
                "mdi6.cloud-cog-outline",
                self.hub_settings,
                "Mirror, token, offline mode, cache",
            ),
        ]

    def showEvent(self, event: QShowEvent) -> None:
        if self._stale or not self.library.entries:
            self._stale = False
            self.library.refresh()
        super().showEvent(event)

    # Looking ----------------------------------------------------------------------------------------------------------

    def open_path(self, path: Path) -> None:
        """Inspect a checkpoint from any place."""
        self.library.add(path)

    def open_dialog(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a checkpoint or run folder")
        if path:
            self.open_path(Path(path))

    def _show_chosen(self) -> None:
        entry = self.library.chosen
        self.inspection = None
        if entry is None:
            return
        if entry.path is None:
            self.stack.setCurrentWidget(self.hub_area)
            self.hub.show_entry(entry)
            return
        self.stack.setCurrentWidget(self.details)
        self.details.show_waiting(entry)
        self._look_into(entry)

    def _look_into(self, entry: LibraryEntry) -> None:
        asked = self._by_hand.get(entry.key, {})

        def work() -> Inspection | str:
            try:
                assert entry.path is not None
                return inspect(entry.path, asked)
            except (HRMError, OSError, MemoryError) as error:
                return str(error) or type(error).__name__

        self._studio.background.run(work, lambda found: self._looked(entry, found))

    def _looked(self, entry: LibraryEntry, found: Inspection | str) -> None:
        if entry.path is not None:
            good = not isinstance(found, str)
            self.library.looked_into(entry.path, good)
            if good:
                self._studio.opener.opened(entry.path)
        if self.library.chosen != entry:
            return  # another entry was chosen meanwhile
        if isinstance(found, str):
            self.details.show_fault(entry, found)
            return
        self.inspection = found
        self.details.show_inspection(entry, found, self._by_hand.get(entry.key, {}))

    def _asked(self, by_hand: dict[str, Any]) -> None:
        entry = self.library.chosen
        if entry is not None:
            self._by_hand[entry.key] = by_hand
            self._look_into(entry)

    def _keep(self) -> None:
        entry, found = self.library.chosen, self.inspection
        if entry is not None and found is not None:
            self._by_hand.pop(entry.key, None)
            self._do(lambda: keep_settings(found), lambda file: self._kept(entry, file))

    def _kept(self, entry: LibraryEntry, file: Path) -> None:
        self.bar.show_message(f"Saved settings to {file}")
        self._look_into(entry)

    # Doing ------------------------------------------------------------------------------------------------------------

    def explore(self) -> None:
        """Open the chosen model in Explore."""
        entry = self.library.chosen
        if entry is not None and entry.path is not None and self.details.explore.isEnabled():
            if self._by_hand.get(entry.key) and self.inspection is not None:
                self._keep()  # so that loading it finds the settings entered here
            if self.inspection is not None and self.inspection.config is not None:
                self._studio.models.configs[entry.path] = self.inspection.config
            self._studio.opener.remember(entry.path)
            self._studio.opener.go("explore")
            self._studio.models.pick(entry.path)

    def _write(self, title: str, how: Callable[[Inspection, Path], Path]) -> None:
        found = self.inspection
        if found is None:
            return
        name, _ = QFileDialog.getSaveFileName(self, title, str(person() / f"{found.files.name}-safetensors"))
        if name:
            self._do(lambda: how(found, Path(name)), lambda folder: self._written(folder))

    def _written(self, folder: Path) -> None:
        self.bar.show_message(f"Saved to {folder}")
        self.library.add(folder)

    def _do(self, work: Callable[[], Path], then: Callable[[Path], object]) -> None:
        """Run in the background; report an error."""

        def tried() -> Path | str:
            try:
                return work()
            except (HRMError, OSError) as error:
                return str(error)

        self._studio.background.run(tried, lambda done: self._studio.opener.refused.emit(done) if isinstance(done, str) else then(done))

    def show_menu(self, entry: LibraryEntry, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if entry.path is not None:
            menu.addAction("Open in Explore", self.explore)
        if entry.section == "cached" or entry.from_elsewhere:
            menu.addAction(
                "Delete from the Hub cache …" if entry.section == "cached" else "Remove from this list", lambda: self.delete(entry)
            )
        menu.addAction("Refresh", self.library.refresh)
        menu.popup(place)

    def delete(self, entry: LibraryEntry | None) -> None:
        """Delete a downloaded model after confirmation; other models are only removed from the list."""
        if entry is None:
            return
        if entry.section != "cached":
            self.library.forget(entry)
            return
        asked = QMessageBox.question(
            self, "Delete from the cache", f"Delete {entry.id} from this machine? You can download it again from the Hub."
        )
        if asked == QMessageBox.StandardButton.Yes:
            self.downloads.forget(entry.id)
            self.library.delete_copy(entry)

    # The Hub ----------------------------------------------------------------------------------------------------------

    def hub_settings(self) -> None:
        HubSettingsDialog(self.library, self).open()

    def _ask(self, answered: Callable[[Event], object], **request: Any) -> None:
        self.service.settings = self.library.request_settings()
        self.service.ask(answered, **request)

    def search_hub(self, text: str) -> None:
        """Search the Hub for models by name."""
        self.bar.show_message(f"Searching the Hub for “{text}” …")
        self._ask(self._found, do="search", text=text)

    def _found(self, event: Event) -> None:
        if event["type"] == "found":
            self.library.show_found(event["models"])
            number = len(event["models"])
            self.bar.show_message(
                f"Found {number} model{'s' if number != 1 else ''} on the Hub, at the end of the list."
                if number
                else "No matching model on the Hub."
            )
        elif event["type"] == "failed":
            self.bar.show_message(event["message"])

    def describe(self, entry: LibraryEntry) -> None:
        """Query the Hub for the current state of a model."""
        self.hub.asking()
        self._ask(self._described, do="describe", id=entry.id)

    def _described(self, event: Event) -> None:
        if event["type"] == "described":
            self.hub.show_described(event)
        elif event["type"] == "failed":
            self.hub.show_failure(event["message"], event.get("kind", ""))

    def _cancel_download(self, repo: str) -> None:
        self.downloads.forget(repo)
        self.hub.show_failure("")
        entry = next((e for e in self.library.entries if e.id == repo), None)
        if entry is not None:
            self.library.delete_copy(entry)

    def _fetched(self, repo: str) -> None:
        download = self.downloads.by_id[repo]
        self.library.refresh(choose=f"cache:{repo}@{download.commit}")
        self.bar.show_message(f"Downloaded {repo}; all hashes match.")

    def push(self) -> None:
        entry, found = self.library.chosen, self.inspection
        if entry is None or found is None or entry.path is None:
            return
        dialog = PushDialog(found.files.name, self)
        path = str(entry.path)

        def go() -> None:
            repo = dialog.id.text().strip()
            self.bar.show_message(f"Pushing to {repo} …")
            self._ask(
                self._pushed, do="push", path=path, id=repo, private=dialog.private.isChecked(), licence=dialog.licence.currentText(),
                asked=self._by_hand.get(entry.key),
            )  # fmt: skip

        dialog.accepted.connect(go)
        dialog.open()

    def _pushed(self, event: Event) -> None:
        if event["type"] == "pushed":
            self.bar.show_message(f"Pushed to {event['url']}")
        elif event["type"] == "failed":
            self._studio.opener.refused.emit(event["message"])

    def closing(self) -> None:
        """The window closes: requests end, downloaded data is kept."""
        self.service.close()

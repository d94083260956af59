"""The window: makes what pages share, shows one page at a time, and connects. No logic of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QByteArray, QEvent, QSettings, Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMenu, QStackedWidget, QWidget

from hrm_model.assets import bundled_models
from hrm_model.folders import home
from hrm_studio.actions import Actions, Entry
from hrm_studio.models.arc_tasks import ArcTasks
from hrm_studio.models.live_runs import LiveRuns
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.opener import Kind, Opener, short_path
from hrm_studio.models.player import Player
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_library import TraceLibrary
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.pages import available_pages, make_page
from hrm_studio.services.background import Background
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.studio import Studio
from hrm_studio.theme import Theme
from hrm_studio.trace_actions import TraceActions
from hrm_studio.ui.dialogs.command_palette import CommandPalette
from hrm_studio.ui.dialogs.glossary import GlossaryDialog
from hrm_studio.ui.dialogs.shortcuts import ShortcutsDialog
from hrm_studio.ui.explore.page import ExplorePage
from hrm_studio.ui.shell.appearance import Appearance
from hrm_studio.ui.shell.notice import Notice
from hrm_studio.ui.shell.status_line import StatusLine
from hrm_studio.ui.shell.top_bar import TopBar
from hrm_studio.ui.shell.tour import Tour
from hrm_studio.ui.shell.tour_stops import tour_stops
from hrm_studio.ui.widgets.error_label import ErrorLabel
from hrm_studio.ui.widgets.focus_keys import FocusKeys
from hrm_studio.ui.widgets.focus_ring import FocusRing
from hrm_studio.ui.widgets.hover_help import explain

if TYPE_CHECKING:
    from hrm_model.loaded import LoadedModel
    from hrm_model.tasks.base import Task
    from hrm_studio.models.dataset_view import ShownPuzzle
    from hrm_studio.ui.dialogs.dataset import DatasetDialog


class MainWindow(QMainWindow):
    """The top bar, the pages, and the status line.

    Signals
    -------
    closing()   the window closes for good
    """

    closing = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setWindowTitle("HRM Studio")
        self.resize(1440, 900)
        self.theme = theme
        self.settings = QSettings(str(home() / "studio.ini"), QSettings.Format.IniFormat)
        self.traces, self.selection = TraceModel(self), Selection(self)
        self.player = Player(self.traces, self)
        self.reasoner, self.background = Reasoner(self), Background(self)
        self.models, self.opener = ModelChoice(bundled_models(), self), Opener(self.settings, self)
        self.models.restore(self.settings)
        self.live_runs = LiveRuns(home() / "runs", self.background, self)

        self.trace_library = TraceLibrary(self.settings, self)

        self._entries_of_pages = {page.name: page for page in available_pages()}
        self.top_bar = TopBar(list(self._entries_of_pages.values()), self.models, theme)
        self.setMenuWidget(self.top_bar)
        self.stack = QStackedWidget()
        self.appearance = Appearance(theme, self.settings, self, self.stack)
        self.actions_table = Actions(self, self.top_bar.menu_bar, self.settings)
        self.actions_table.add(self._entries())
        self.status = StatusLine(self.reasoner, self.traces)
        self.setStatusBar(self.status)
        self.setCentralWidget(self.stack)
        self.studio = Studio(
            self.settings, theme, self.actions_table, self.opener, self.models, self.traces, self.selection, self.player, self.reasoner,
            self.background, self.trace_library, ArcTasks(self),
        )  # fmt: skip
        self.pages: dict[str, QWidget] = {}
        self.notice = Notice(theme, self)
        self.trace_actions = TraceActions(self.studio, self)
        self.recent_menu = QMenu("Recent", self)
        self.actions_table.menu("&File").insertMenu(self.actions_table.by_name["quit"], self.recent_menu)
        self._fill_recent()
        self.setAcceptDrops(True)
        FocusKeys(self)
        self.focus_ring = FocusRing(theme, self)
        self._connect()
        self.appearance.begin()
        geometry = self.settings.value("geometry")
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)
        self.show_page("explore")

    @property
    def explore(self) -> ExplorePage:
        return cast(ExplorePage, self.page("explore"))

    def page(self, name: str) -> QWidget:
        """The page of that name. It is made when it is first opened."""
        if name not in self.pages:
            self.pages[name] = made = make_page(self._entries_of_pages[name], self.studio)
            if isinstance(made, ExplorePage):
                made.model.source_changed.connect(lambda file: self.setWindowTitle(f"{file} – HRM Studio" if file else "HRM Studio"))
            self.stack.addWidget(self.pages[name])
            explain(self.pages[name])
        return self.pages[name]

    def show_page(self, name: str) -> None:
        """Show a page. Ends the tour, which is about the first one."""
        if self.stack.currentWidget() is not self.page(name):
            self._close_messages()  # they were about the page that one leaves
        self.stack.setCurrentWidget(self.page(name))
        for tour in self.findChildren(Tour):
            tour.end()
        self.page(name).setFocus(Qt.FocusReason.OtherFocusReason)  # else the first tab keeps the focus and looks selected
        self.top_bar.show_page(name)
        self.actions_table.show_page(name)

    def begin(self) -> None:
        """Go on where the last session ended; at first, reason about an example. Called after the first paint."""
        self.explore.begin()
        self.live_runs.begin()
        page = self.settings.value("page")
        if page in self._entries_of_pages and self.settings.value("tour") is not None:
            self.show_page(page)

    def _entries(self) -> list[Entry]:
        return [
            Entry("open", "&File", "Open …", "Ctrl+O", "mdi6.folder-open-outline", self._open_file, "Open a puzzle, a trace (.h5) or a checkpoint file"),
            Entry("open_folder", "&File", "Open a folder …", "Ctrl+Shift+O", "", self._open_folder, "Open a checkpoint folder, a run folder, a dataset or ARC tasks"),
            Entry("quit", "&File", "Quit", "Ctrl+Q", "", self.close),
            Entry("palette", "&View", "Command palette …", "Ctrl+Shift+P", "mdi6.console-line", self._show_palette, "Find any action by a few of its letters"),
            Entry("full_screen", "&View", "Full screen", "F11", "", self._toggle_full_screen),
            Entry("shortcuts", "&Help", "Keyboard shortcuts …", "", "mdi6.keyboard-outline", self._show_shortcuts, "See and change the keys of all actions"),
            Entry("glossary", "&Help", "Glossary …", "F1", "mdi6.book-alphabet", self._show_glossary, "What the technical terms mean"),
            Entry("tour", "&Help", "Tour", "", "mdi6.map-marker-path", self.start_tour, "Five parts of the window, explained in two sentences each"),
            Entry("log_folder", "&Help", "Open log folder", "", "mdi6.folder-text-outline", self._open_log_folder, "The folder of the log files"),
            Entry("versions", "&Help", "Copy versions", "", "mdi6.content-copy", self._copy_versions, "Copy the versions of HRM Studio, Python and the libraries, for a bug report"),
            Entry("about", "&Help", "About HRM Studio", "", "mdi6.information-outline", self._show_about, "Versions of HRM Studio and its libraries"),
            Entry("choose_model", "&File", "Choose the model …", "", "mdi6.brain", self.top_bar.model.showMenu, "The model that reasons"),
            Entry("choose_device", "&File", "Choose the device …", "", "mdi6.chip", self.top_bar.device.showMenu, "Where the model runs"),
            Entry("theme_system", "&View", "Use the system theme", "", "", partial(self.appearance.set_mode, "system")),
            Entry("text_larger", "&View", "Larger text", "Ctrl+Alt++", "", partial(self.appearance.larger_text, 1), "Text of 115 % or 130 %"),
            Entry("text_smaller", "&View", "Smaller text", "Ctrl+Alt+-", "", partial(self.appearance.larger_text, -1)),
            Entry("theme", "&View", "Light or dark", "Ctrl+T", "mdi6.theme-light-dark", self.appearance.toggle_theme),
            *(
                Entry(f"page_{page.name}", "&View", f"Go to {page.title}", f"Ctrl+{number}", page.icon, partial(self.show_page, page.name))
                for number, page in enumerate(self._entries_of_pages.values(), 1)
            ),
        ]  # fmt: skip

    def _connect(self) -> None:
        self.top_bar.page_wanted.connect(self.show_page)
        self.top_bar.open_model_wanted.connect(self._open_folder)
        self.top_bar.mode_wanted.connect(self.appearance.set_mode)
        self.opener.page_wanted.connect(self.show_page)
        self.opener.refused.connect(self.notice.show_message)
        self.opener.saved.connect(self.notice.show_saved)
        self.live_runs.changed.connect(lambda: self.top_bar.show_live(self.live_runs.names))
        self.opener.wanted.connect(self._opened)
        self.reasoner.model_loaded.connect(self._model_loaded)
        self.opener.puzzle_wanted.connect(self._open_puzzle)
        self.opener.comparison_wanted.connect(self._compare)
        self.opener.evaluation_wanted.connect(self._evaluate)
        self.opener.recent_changed.connect(self._fill_recent)

    # Handlers --------------------------------------------------------------------------------------------------------

    def _open_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a puzzle, a trace or a checkpoint")
        if path:
            self.opener.open(Path(path))

    def _open_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a checkpoint folder, a run folder, a dataset or ARC tasks")
        if path:
            self.opener.open(Path(path))

    def _opened(self, kind: Kind, path: Path) -> None:
        self.notice.show_message("")
        if kind == "checkpoint" and self.stack.currentWidget() is self.pages.get("library"):
            self.page("library").open_path(path)  # type: ignore[attr-defined]  # there it is inspected first
        elif kind == "checkpoint":
            self.open_model(path)
        elif kind == "run":
            self.show_page("train")
            self.page("train").open_path(path)  # type: ignore[attr-defined]
        elif kind == "dataset":
            self._open_dataset(path)
        elif kind == "puzzles" and path.suffix != ".json" and self.stack.currentWidget() is self.pages.get("evaluate"):
            self.page("evaluate").puzzles.use_file(path)  # type: ignore[attr-defined]
        else:
            self.show_page("explore")
            self.explore.open_path(path, kind)

    def _model_loaded(self, loaded: LoadedModel) -> None:
        self.opener.opened(loaded.path)

    def _open_dataset(self, path: Path) -> None:
        from hrm_studio.ui.dialogs.dataset import open_dataset  # few need it, and not before the first paint

        def show(dialog: DatasetDialog) -> None:
            dialog.reason_wanted.connect(self._reason_about)
            dialog.train_wanted.connect(self._train_on)
            dialog.failed.connect(self.notice.show_message)
            dialog.show()
            self.opener.opened(path)

        open_dataset(path, self.background, self.theme, self, show, self.notice.show_message)

    def _train_on(self, folder: Path) -> None:
        self.show_page("train")
        self.page("train").edit_dataset(folder)  # type: ignore[attr-defined]

    def _reason_about(self, task: Task, puzzle: ShownPuzzle, at: int) -> None:
        self.show_page("explore")
        self.explore.reason_about(task, puzzle, at)

    def _evaluate(self, text: str) -> None:
        self.show_page("evaluate")
        self.page("evaluate").puzzles.use_text(text)  # type: ignore[attr-defined]

    def _open_puzzle(self, text: str) -> None:
        self.show_page("explore")
        self.explore.open_text(text)

    def _compare(self, wanted: list[tuple[Path, int, str]]) -> None:
        self.page("compare").compare_puzzles(wanted)  # type: ignore[attr-defined]
        self.show_page("compare")

    def _fill_recent(self) -> None:
        self.recent_menu.clear()
        for path in self.opener.recent():
            self.recent_menu.addAction(short_path(path), partial(self.opener.open, path))
        self.recent_menu.setEnabled(bool(self.opener.recent()))
        self.recent_menu.addSeparator()
        self.recent_menu.addAction("Clear the list", self.opener.forget_recent)

    def open_model(self, path: Path) -> None:
        """Use a checkpoint for the current puzzle. After an error the model in use stays."""
        self.show_page("explore")
        self.models.pick(path)

    # Messages ---------------------------------------------------------------------------------------------------------

    def _messages(self) -> list[Notice | ErrorLabel]:
        page = self.stack.currentWidget()
        messages: list[Notice | ErrorLabel] = [self.notice]
        if page is not None:
            messages += page.findChildren(ErrorLabel)
        return [message for message in messages if message.isVisible()]

    def _close_messages(self) -> None:
        for message in self._messages():
            message.show_message("")

    def event(self, event: QEvent) -> bool:
        """Esc closes messages first; without one it does what the page has it for."""
        if event.type() == QEvent.Type.ShortcutOverride and cast(QKeyEvent, event).key() == Qt.Key.Key_Escape and self._messages():
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._messages():
            self._close_messages()
        else:
            super().keyPressEvent(event)

    def _toggle_full_screen(self) -> None:
        self.showNormal() if self.isFullScreen() else self.showFullScreen()

    def _show_palette(self) -> None:
        CommandPalette(self.actions_table, self.theme, self).show_over(self)

    def _show_shortcuts(self) -> None:
        ShortcutsDialog(self.actions_table, self).open()

    def _show_glossary(self) -> None:
        GlossaryDialog(self.theme, self).open()

    def _show_about(self) -> None:
        from hrm_studio.ui.dialogs.about import AboutDialog  # few need it, and not before the first paint

        AboutDialog(self).open()

    def _copy_versions(self) -> None:
        from hrm_studio.ui.dialogs.about import copy_versions

        copy_versions()

    def _open_log_folder(self) -> None:
        from hrm_studio.ui.dialogs.crash import open_log_folder

        open_log_folder()

    def doing(self) -> str:
        """What the window is doing, to complete 'Something went wrong while …'."""
        page = next((p.title for p in self._entries_of_pages.values() if self.pages.get(p.name) is self.stack.currentWidget()), "")
        action, self.actions_table.running = self.actions_table.running, None
        return f"carrying out “{action.text.removesuffix(' …')}”" if action is not None else f"handling an event on the page {page}"

    def safe(self) -> str:
        """What an unexpected error did not affect."""
        trace = "The open trace, saved" if self.traces.trace is not None else "Saved"
        return f"HRM Studio keeps running, but what it was doing may be incomplete. {trace} files and runs in training are not affected."

    def start_tour(self) -> None:
        """Start the tour; a running one ends. The trace stands still until the tour has ended."""
        self.show_page("explore")
        self._run_tour(plays=self.player.playing)

    def _run_tour(self, plays: bool) -> None:
        self.player.pause()
        tour = Tour(tour_stops(self.explore, self.top_bar), self.theme, self)
        tour.ended.connect(partial(self._tour_ended, plays))
        tour.go(0)

    def _tour_ended(self, plays: bool) -> None:
        if self.stack.currentWidget() is self.explore:  # else another page was opened, which ends the tour too
            self.explore.board.setFocus()
            if plays:
                self.player.play()

    def offer_tour(self) -> None:
        """At the first start of the studio, hold the first trace at its first step, and start the tour over it."""
        if self.settings.value("tour") is None:
            self.explore.model.plays_next = False
            self.traces.trace_replaced.connect(self._first_trace, Qt.ConnectionType.SingleShotConnection)

    def _first_trace(self) -> None:
        if self.stack.currentWidget() is self.explore:
            self.settings.setValue("tour", "offered")
            self._run_tour(plays=True)

    # Drops -----------------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() or event.mimeData().hasText():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            for path in paths:
                self.opener.open(path)
        elif event.mimeData().hasText():
            event.acceptProposedAction()
            self.drop_text(event.mimeData().text())

    def drop_text(self, text: str) -> None:
        """Take dropped puzzles: Evaluate takes them if it is on screen, else Explore."""
        evaluating = self.stack.currentWidget() is self.pages.get("evaluate")
        self._evaluate(text) if evaluating else self._open_puzzle(text)

    def closeEvent(self, event: QCloseEvent) -> None:
        if not all(page.may_close() for page in self.pages.values() if hasattr(page, "may_close")):
            event.ignore()
            return
        self.closing.emit()
        self.settings.setValue("page", next((name for name, page in self.pages.items() if page is self.stack.currentWidget()), "explore"))
        self.models.save(self.settings)
        self.settings.setValue("geometry", self.saveGeometry())
        for page in self.pages.values():
            if hasattr(page, "closing"):
                page.closing()
        self.player.pause()
        self.trace_actions.close()
        self.reasoner.close()
        self.background.close()
        super().closeEvent(event)

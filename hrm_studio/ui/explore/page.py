"""The Explore page: puzzle, board, states, curves and timeline of one trace. Wiring only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QPoint, QSize, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QMouseEvent, QShowEvent
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from hrm_model.errors import HRMError
from hrm_model.tasks.arc.task import ArcTask
from hrm_studio.actions import Entry, typing_now
from hrm_studio.models.bookmarks import Bookmarks
from hrm_studio.models.explore import ExploreModel
from hrm_studio.models.opened_file import OpenedFile
from hrm_studio.models.opener import Kind
from hrm_studio.studio import Studio
from hrm_studio.ui.explore.arc_strip import ArcStrip
from hrm_studio.ui.explore.board_panel import BoardPanel
from hrm_studio.ui.explore.cell_menu import cell_menu
from hrm_studio.ui.explore.dock_window import BOTTOM, LEFT, RIGHT, DockWindow
from hrm_studio.ui.explore.file_traces import FileTraces
from hrm_studio.ui.explore.puzzle_panel import PuzzlePanel
from hrm_studio.ui.explore.transport import Transport
from hrm_studio.ui.widgets.focus_keys import leave_focus_on_click
from hrm_studio.ui.widgets.lazy_panel import BuildQueue, LazyPanel

if TYPE_CHECKING:
    from hrm_model.tasks.base import Task
    from hrm_studio.models.dataset_view import ShownPuzzle

    # Imported when they are first shown: they take longer than the window may.
    from hrm_studio.ui.explore.attention import AttentionView
    from hrm_studio.ui.explore.cell_table import CellTable
    from hrm_studio.ui.lab.panel import LabPanel
    from hrm_studio.ui.plots.curves import CurvesView
    from hrm_studio.ui.plots.states import StatesView

_BOARD_BENEATH = 108  # least height of the board in pixels, below the ARC strip
_PANELS_AT_MOST_MS = 1500  # the first puzzle waits no longer for the panels


class ExplorePage(DockWindow):
    """The board in the middle, and docks around it."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(studio.theme, parent)
        self._studio = studio
        traces, selection, theme = studio.traces, studio.selection, studio.theme
        self.model = ExploreModel(studio.settings, studio.models, traces, selection, studio.player, studio.reasoner, self, studio.arc)
        self.model.file_opened.connect(self._show_file)
        self.model.file_read.connect(studio.opener.opened)
        self.file_traces: FileTraces | None = None  # made on demand
        self.bookmarks = Bookmarks(traces, studio.settings, self)
        studio.actions.add(self._entries(), page="explore")
        self.board_panel = BoardPanel(traces, selection, theme)
        self.board = self.board_panel.board
        self.panel = PuzzlePanel(self.model, theme)
        self.transport = Transport(traces, studio.player, self.bookmarks, studio.actions, theme)
        self.arc_strip = ArcStrip(self.model, theme)
        least = self.board.minimumHeight()  # less below the strip: an ARC board is wide, and the window may be low
        self.arc_strip.toggled.connect(lambda on: self.board.setMinimumHeight(_BOARD_BENEATH if on else least))
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.arc_strip)
        layout.addWidget(self.board_panel, 1)
        self.setCentralWidget(middle)
        self.lazy_panels: dict[str, LazyPanel] = {}
        self._begun = False
        self._add("Puzzle", self.panel, LEFT)
        queue = BuildQueue(self)
        for title, (make, module, size) in self._right_panels().items():
            self.lazy_panels[title] = LazyPanel(make, f"hrm_studio.ui.{module}", size, studio.background, queue)
            # The Lab lies behind the puzzle, where it has the whole height.
            self._add(title, self.lazy_panels[title], LEFT if title == "Lab" else RIGHT)
        self._add("Timeline", self.transport, BOTTOM)
        leave_focus_on_click(self)
        self.board.menu_wanted.connect(self._show_cell_menu)
        self.model.asked.connect(self._leave_editor)
        self.model.blocked.connect(self.board_panel.show_why_empty)
        self.focus_changed.connect(self.board_panel.set_alone)
        self.model.many_wanted.connect(studio.opener.evaluation_wanted)
        self.board_panel.help.clicked.connect(lambda: studio.opener.page_wanted.emit("library"))
        self.restore_layout(studio.settings)

    def _right_panels(self) -> dict[str, tuple[Callable[[], QWidget], str, QSize]]:
        """For each dock beside the board: how to make its view, the view's module, and its least size."""
        s = self._studio

        def states() -> QWidget:
            from hrm_studio.ui.plots.states import StatesView

            return StatesView(s.traces, s.selection, s.background, s.theme, s.models, s.reasoner)

        def curves() -> QWidget:
            from hrm_studio.ui.plots.curves import CurvesView

            return CurvesView(s.traces, s.theme, s.selection, s.background)

        def attention() -> QWidget:
            from hrm_studio.ui.explore.attention import AttentionView

            return _scrolled(AttentionView(s.traces, s.selection, s.models, s.reasoner, self.board, s.theme))

        def cells() -> QWidget:
            from hrm_studio.ui.explore.cell_table import CellTable

            return CellTable(s.traces, s.selection, s.theme)

        def lab() -> QWidget:
            from hrm_studio.models.lab import LabModel
            from hrm_studio.ui.lab.panel import LabPanel

            model = LabModel(s.traces, s.models, s.reasoner, s.background, self)
            return _scrolled(LabPanel(model, s.traces, s.selection, s.theme))

        return {
            "States": (states, "plots.states", QSize(416, 165)),
            "Curves": (curves, "plots.curves", QSize(212, 157)),
            "Attention": (attention, "explore.attention", QSize(140, 100)),
            "Cells": (cells, "explore.cell_table", QSize(397, 100)),
            "Lab": (lab, "lab.panel", QSize(200, 100)),
        }

    @property
    def states(self) -> StatesView:
        return cast("StatesView", self.lazy_panels["States"].view())

    @property
    def curves(self) -> CurvesView:
        return cast("CurvesView", self.lazy_panels["Curves"].view())

    @property
    def cells(self) -> CellTable:
        return cast("CellTable", self.lazy_panels["Cells"].view())

    @property
    def attention(self) -> AttentionView:
        area = self.lazy_panels["Attention"].view()
        assert isinstance(area, QScrollArea)
        return cast("AttentionView", area.widget())

    @property
    def lab(self) -> LabPanel:
        area = self.lazy_panels["Lab"].view()
        assert isinstance(area, QScrollArea)
        return cast("LabPanel", area.widget())

    def _add(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> None:
        """A dock, with a menu entry that shows or hides it."""
        action = self.add_dock(title, widget, area).toggleViewAction()
        entry = Entry(f"show_{title.lower()}", "&View", f"Show {title}", "", "", action.trigger, f"Show or hide {title}")
        self._studio.actions.adopt(entry, action, page="explore")

    def _entries(self) -> list[Entry]:
        traces, player = self._studio.traces, self._studio.player

        def by_hand(move: Callable[[int], None], argument: int) -> Callable[[], None]:
            def act() -> None:
                player.pause()
                move(argument)

            return act

        return [
            Entry("file_traces", "&File", "Traces of this file …", "", "mdi6.format-list-bulleted", self.show_others, "Choose another trace of the opened file"),
            Entry("undo", "&Edit", "Undo", "Ctrl+Z", "mdi6.undo", lambda: self.model.puzzle.undo(), "Undo the last change of the puzzle"),
            Entry("redo", "&Edit", "Redo", "Ctrl+Shift+Z", "mdi6.redo", lambda: self.model.puzzle.redo(), "Redo the change that was undone last"),
            Entry("copy", "&Edit", "Copy the puzzle", "Ctrl+C", "mdi6.content-copy", lambda: self.panel.copy(), "Copy the puzzle as one line of text"),
            Entry("paste", "&Edit", "Paste a puzzle", "Ctrl+V", "mdi6.content-paste", lambda: self.panel.paste(), "Reason about the puzzle on the clipboard"),
            Entry("clear", "&Edit", "Clear the board", "", "mdi6.eraser", lambda: self.panel.clear()),
            Entry("edit", "&Puzzle", "Edit on a board", "Ctrl+B", "mdi6.grid", lambda: self.panel.edit_on_board()),
            Entry("edit_text", "&Puzzle", "Edit as text", "", "mdi6.text-box-outline", lambda: self.panel.edit_as_text()),
            Entry("draw_maze", "&Puzzle", "Draw a maze", "", "mdi6.draw", lambda: self.panel.draw_maze(), "Start with an open maze and draw walls"),
            Entry("attempts", "&Puzzle", "Two attempts at the ARC input", "", "mdi6.numeric-2-box-multiple-outline", self._attempt, "Let copies of the input vote on two answers"),
            Entry("draw_arc", "&Puzzle", "Paint an ARC grid", "", "mdi6.palette-outline", lambda: self.panel.draw_arc(), "Start with a black grid of any size up to 30 × 30"),
            Entry("reason", "&Puzzle", "Reason about this puzzle", "Ctrl+Return", "mdi6.brain", lambda: self.panel.submit()),
            Entry("generate", "&Puzzle", "Generate a puzzle", "Ctrl+G", "mdi6.dice-5-outline", lambda: self.panel.generate.click()),
            Entry("example", "&Puzzle", "Next example", "Ctrl+E", "mdi6.book-open-page-variant-outline", lambda: self.panel.example.click()),
            Entry("recent_puzzles", "&Puzzle", "Recent puzzles …", "", "mdi6.history", lambda: self.panel.recent.showMenu(), "Puzzles that a model reasoned about before"),
            Entry("cancel", "&Puzzle", "Stop reasoning", "Esc", "", self._escape, "Stop reasoning; else clear the selection of cells"),
            Entry("play", "&Step", "Play or pause", "Space", "mdi6.play", player.toggle),
            Entry("step_on", "&Step", "One step on", "Right", "mdi6.chevron-right", by_hand(traces.move_steps, 1)),
            Entry("step_back", "&Step", "One step back", "Left", "mdi6.chevron-left", by_hand(traces.move_steps, -1)),
            Entry("cycle_on", "&Step", "One H-cycle on", "Shift+Right", "", by_hand(traces.move_cycles, 1)),
            Entry("cycle_back", "&Step", "One H-cycle back", "Shift+Left", "", by_hand(traces.move_cycles, -1)),
            Entry("segment_on", "&Step", "One segment on", "Ctrl+Right", "mdi6.chevron-double-right", by_hand(traces.move_segments, 1)),
            Entry("segment_back", "&Step", "One segment back", "Ctrl+Left", "mdi6.chevron-double-left", by_hand(traces.move_segments, -1)),
            Entry("to_start", "&Step", "To the start", "Home", "mdi6.skip-previous", by_hand(traces.set_cursor, 0)),
            Entry("to_end", "&Step", "To the end", "End", "mdi6.skip-next", by_hand(traces.set_cursor, 1 << 30)),
            Entry("reverse", "&Step", "Play backwards", "Shift+Space", "mdi6.swap-horizontal", player.reverse, "Change the direction of playing"),
            Entry("loop", "&Step", "Loop", "L", "mdi6.repeat", lambda: player.set_loop(not player.loop), "Play again and again. Shift + drag on the timeline sets the range"),
            Entry("follow", "&Step", "Follow while reasoning", "F", "mdi6.target", lambda: player.set_follow(not player.follow), "Keep the cursor on the newest step while the model reasons"),
            Entry("bookmark", "&Step", "Bookmark with a note …", "Ctrl+D", "mdi6.bookmark-outline", lambda: self.transport.ask_for_note(traces.cursor)),
            Entry("next_bookmark", "&Step", "Next bookmark", "Ctrl+PgDown", "", partial(self._to_bookmark, 1)),
            Entry("previous_bookmark", "&Step", "Previous bookmark", "Ctrl+PgUp", "", partial(self._to_bookmark, -1)),
            Entry("zoom_in", "&View", "Larger board", "Ctrl++", "mdi6.magnify-plus-outline", lambda: self.board.zoom_step(1), "Zoom in on the selected cell. Ctrl + wheel zooms at the mouse"),
            Entry("zoom_out", "&View", "Smaller board", "Ctrl+-", "mdi6.magnify-minus-outline", lambda: self.board.zoom_step(-1)),
            Entry("zoom_all", "&View", "Whole board", "Ctrl+0", "mdi6.magnify-scan", lambda: self.board.reset_zoom()),
            Entry("next_panel", "&View", "Next panel", "F6", "", partial(self._focus_panel, 1), "Move the focus to the next panel"),
            Entry("previous_panel", "&View", "Previous panel", "Shift+F6", "", partial(self._focus_panel, -1)),
            Entry("focus_layout", "&View", "Large board", "F9", "mdi6.arrow-expand-all", self.toggle_focus, "Show only the board and the timeline; again brings the panels back"),
            Entry("reset_layout", "&View", "Reset the layout of Explore", "", "", self.reset_layout),
        ]  # fmt: skip

    def _attempt(self) -> None:
        if self.arc_strip.isVisible():
            self.arc_strip.attempts.go.click()
        else:
            self._studio.opener.refused.emit("No ARC task is open. File › Open … reads an official .json file.")

    def _to_bookmark(self, direction: int) -> None:
        step = self.bookmarks.next_from(self._studio.traces.cursor, direction)
        if step is not None:
            self._studio.player.pause()
            self._studio.traces.set_cursor(step)

    def begin(self) -> None:
        """Reason about the first example, after the first paint and once the visible panels are made.

        The panels first: loading torch's libraries holds the linker's lock. An import in another thread would wait for that lock
        with the interpreter's lock in hand, and the window would freeze.
        """
        for panel in self.lazy_panels.values():
            panel.made.connect(self._begin)
        QTimer.singleShot(_PANELS_AT_MOST_MS, self, partial(self._begin, True))
        self._begin()

    def _begin(self, anyway: bool = False) -> None:
        if not self._begun and (anyway or not any(panel.pending for panel in self.lazy_panels.values())):
            self._begun = True
            self.model.begin()

    def open_path(self, path: Path, kind: Kind) -> None:
        """Open a file of puzzles, or a trace."""
        self.model.open_trace(path) if kind == "trace" else self.model.open_puzzles(path)

    def reason_about(self, task: Task, puzzle: ShownPuzzle, at: int) -> None:
        """Reason about example `at` of a dataset's puzzle."""
        from hrm_studio.models.dataset_view import as_arc  # imported already if a dataset is open

        if isinstance(task, ArcTask):
            self.model.show_arc(*as_arc(puzzle, at))
        else:
            self.model.show_and_reason(task, puzzle.examples[at].given)

    def show_others(self) -> None:
        """Show the list of the opened file's traces."""
        opened = self.model.opened
        if opened is None:
            self._studio.opener.refused.emit("No trace file is open. File › Open … opens one.")
        else:
            self._show_file(opened, asked=True)

    def _show_file(self, opened: OpenedFile, asked: bool = False) -> None:
        several = len(opened.entries) > 1
        if self.file_traces is None and (several or asked):
            self.file_traces = FileTraces(self)
            self.file_traces.wanted.connect(self.model.open_trace)
        if self.file_traces is not None:
            self.file_traces.show_file(opened)
            if not several and not asked:
                self.file_traces.hide()
            elif not self.file_traces.isVisible():
                self.file_traces.show()

    def open_text(self, text: str) -> None:
        """Reason about a dropped puzzle."""
        try:
            self.model.open_text(text, "The dropped text")
        except HRMError as error:
            self._studio.opener.refused.emit(str(error))

    def showEvent(self, event: QShowEvent) -> None:
        """Focus the board, so that the arrow keys step at once."""
        super().showEvent(event)
        if self.focusWidget() is None:
            self.board.setFocus()

    # Keyboard --------------------------------------------------------------------------------------------------------

    def _focus_panel(self, by: int) -> None:
        """Move the focus around: the board, then each visible dock."""
        strip = [self.arc_strip] if self.arc_strip.isVisible() else []
        places = [self.board_panel, *strip, *(dock.widget() for dock in self.docks.values() if dock.isVisible())]
        focus = self.focusWidget()
        at = next((i for i, place in enumerate(places) if focus is not None and place.isAncestorOf(focus)), -1 if by > 0 else 0)
        for step in range(1, len(places) + 1):
            place = places[(at + by * step) % len(places)]
            inside = [
                w for w in [place, *place.findChildren(QWidget)] if w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.isVisibleTo(place)
            ]
            inside = [w for w in inside if w.isEnabled()]
            if inside:
                inside[0].setFocus(Qt.FocusReason.TabFocusReason)
                return

    def _escape(self) -> None:
        if self._studio.traces.running:
            self.model.cancel()
        else:
            self._studio.selection.clear()

    def _show_cell_menu(self, cell: int, place: QPoint) -> None:
        menu = cell_menu(cell, self.board.tip(cell), self._studio.traces, self._studio.selection, self._bring_up, self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def _bring_up(self, title: str) -> None:
        self.docks[title].show()
        self.docks[title].raise_()

    def _leave_editor(self) -> None:
        """Focus the board if the puzzle or a number was being typed: keys play and step from now on."""
        if self.panel.typing:
            self.board.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and (typing_now() or self.panel.typing):
            self.board.setFocus()
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click on empty ground leaves the editor."""
        self.board.setFocus()
        super().mousePressEvent(event)

    def closing(self) -> None:
        """Save the layout as the window closes."""
        self.model.close()
        self.save_layout(self._studio.settings)


def _scrolled(view: QWidget) -> QScrollArea:
    """The view in a scroll area, so that its least size does not make the window larger than a small screen."""
    area = QScrollArea(widgetResizable=True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(view)
    return area

"""The Lab dock: what happened in words, experiments as buttons, the tree of branches, and boards side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QInputDialog,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from hrm_model.lab.changes import Change, Cut, Freeze, Hold, Kick
from hrm_studio.models.lab import BASE, LabModel, change_or_reason
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.lab_jobs import TriesFound
from hrm_studio.services.lab_maps import MapFound
from hrm_studio.theme import Theme
from hrm_studio.ui.board.timeline import step_name
from hrm_studio.ui.lab.boards import BoardPair, TryGrid
from hrm_studio.ui.lab.map_view import MapView
from hrm_studio.ui.lab.tree import RunTree
from hrm_studio.ui.widgets.flow_layout import FlowLayout
from hrm_studio.ui.widgets.view import View

_TRIES = 8
_COPIES = "Try symmetric copies of the puzzle, and let the answers vote."
_SYMMETRIC = "This model is symmetric: relabelled copies are the same puzzle to it."
_TREE_AT_MOST = 156  # pixels: six runs; more are scrolled
_CHANGES: tuple[tuple[str, str, Callable[..., Change]], ...] = (
    ("Kick z_H and z_L", "Add noise to both states. Does it find back?", lambda s, c, k: Kick(s, "both", c, k)),
    ("Kick z_H", "Add noise to the slow state.", lambda s, c, k: Kick(s, "H", c, k)),
    ("Kick z_L", "Add noise to the fast state.", lambda s, c, k: Kick(s, "L", c, k)),
    ("Freeze H", "Do not call the slow module any more. Is it needed from here on?", lambda s, c, k: Freeze("H")),
    ("Freeze L", "Do not call the fast module any more.", lambda s, c, k: Freeze("L")),
    ("Cut the puzzle", "Inject zeros into L in place of the puzzle. Does it still know its clues?", lambda s, c, k: Cut("x-L")),
    ("Cut z_H into L", "L no longer hears H.", lambda s, c, k: Cut("H-L")),
    ("Cut z_L into H", "H no longer hears L.", lambda s, c, k: Cut("L-H")),
    ("Hold cells", "The states of the selected cells stay as they are.", lambda s, c, k: Hold(c or ())),
)


class LabPanel(View):
    """Experiments with the open run. A branch begins at the cursor."""

    def __init__(self, lab: LabModel, traces: TraceModel, selection: Selection, theme: Theme) -> None:
        super().__init__()
        self._lab, self._traces, self._selection = lab, traces, selection
        self.words = QLabel("", wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.result = QLabel("", wordWrap=True, textFormat=Qt.TextFormat.PlainText, objectName="muted")
        self.think = self._button(
            "Think on", "Go on from the end of the run, with four times as many segments (up to 1,024).", lambda: lab.think_on()
        )
        self.kicks = self._button(
            f"{_TRIES} kicks", "Try again from starts that are moved by noise, in one batch.", lambda: lab.try_again(starts=_TRIES)
        )
        self.copies = self._button(f"{_TRIES} relabellings", _COPIES, lambda: lab.try_again(relabel=_TRIES))
        self.other = self._button("Other model", "Let another bundled model think about the puzzle.", lab.try_other_model)
        self.clue = self._button("Which clue?", "Which single clue would help; of a solved puzzle: which it needs.", lab.find_clues)
        self.landscape = self._button(
            "Landscape",
            "Draw the states around z_H at the cursor: how many rules does each one's answer break?",
            lambda: lab.draw_map("landscape"),
        )
        self.basin = self._button(
            "Basin map",
            "Draw where starts around z_H at the cursor lead: solved, settled on a wrong answer, or wandering.",
            lambda: lab.draw_map("basin"),
        )
        self.save = self._button("Save …", "Write the base and all branches to a trace file.", self._save)
        self.stop = self._button("Stop", "Stop the experiment. What it came to so far stays.", lab.stop)
        buttons = QWidget()
        flow = FlowLayout(buttons, 6)
        for button in (self.think, self.kicks, self.copies, self.other, self.clue, self.landscape, self.basin, self.save, self.stop):
            flow.addWidget(button)
        self.what = QComboBox(accessibleName="What to change")
        for k, (title, tip, _) in enumerate(_CHANGES):
            self.what.addItem(title)
            self.what.setItemData(k, tip, Qt.ItemDataRole.ToolTipRole)
        self.sigma = QDoubleSpinBox(
            minimum=0, maximum=100, value=0.5, singleStep=0.1, decimals=2, prefix="σ ", accessibleName="Size of the noise"
        )
        self.sigma.setToolTip("Size of the noise, in the state's own size.")
        self.seed = QSpinBox(minimum=0, maximum=999_999, prefix="seed ", accessibleName="Seed")
        self.seed.setToolTip("The same seed gives the same noise.")
        self.chosen_only = QCheckBox("Selected cells only")
        self.branch = self._button("Branch from here", "Change it after the step at the cursor, and think on.", self._branch)
        changes = QWidget()
        line = FlowLayout(changes, 6)
        for widget in (self.what, self.sigma, self.seed, self.chosen_only, self.branch):
            line.addWidget(widget)
        self.tree = RunTree(lab, traces, theme)
        self.tree.menu_wanted.connect(self._menu)
        rows = QScrollArea(widgetResizable=True)
        rows.setWidget(self.tree)
        rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._rows = rows
        self.undo = self._button("Undo delete", "Bring back what was deleted last.", lab.undo)
        self.pair = BoardPair(lab, traces, theme)
        self.grid = TryGrid(lab, theme)
        self.grid.picked.connect(lab.open_try)
        self.boards = QStackedWidget()
        self.boards.addWidget(self.pair)
        self.boards.addWidget(self.grid)
        self.map = MapView(lab, theme)
        self.map.picked.connect(lab.think_from)
        self.boards.addWidget(self.map)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        for part in (self.words, buttons, changes, rows, self.undo, self.result):
            layout.addWidget(part)
        layout.addWidget(self.boards, 1)
        self.what.currentIndexChanged.connect(self._refresh)
        self.chosen_only.toggled.connect(self._refresh)
        subscriptions: list[tuple[Any, Callable[..., object]]] = [
            (lab.changed, self._refresh), (lab.tries_changed, self._tries_changed), (lab.map_changed, self._map_changed), (lab.busy_changed, self._refresh), (lab.told, self._told),
            (traces.cursor_moved, self._refresh), (selection.changed, self._refresh),
        ]  # fmt: skip
        self._note = ""
        self._showing: object = None
        self.follow(subscriptions, self._catch_up_all)

    @staticmethod
    def _button(text: str, tip: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(text, focusPolicy=Qt.FocusPolicy.TabFocus)
        button.setToolTip(tip)
        button.clicked.connect(lambda: act())
        return button

    # Showing ---------------------------------------------------------------------------------------------------------

    def _catch_up_all(self) -> None:
        self._refresh()
        self._tries_changed()

    def _refresh(self) -> None:
        lab, trace = self._lab, self._traces.trace
        ready = trace is not None and not self._traces.running and not lab.busy
        states = ready and trace is not None and trace.has_states and not trace.pooled
        kind = self.what.currentText()
        self.kicks.setEnabled(ready)
        self.copies.setEnabled(ready and not lab.symmetric)
        self.copies.setToolTip(_SYMMETRIC if lab.symmetric else _COPIES)
        self.other.setEnabled(ready and lab.other_model() is not None)
        self.clue.setEnabled(bool(ready and trace is not None and trace.puzzle.task.startswith("sudoku")))
        for button in (self.think, self.landscape, self.basin):
            button.setEnabled(bool(states))
        # ARC has no rules that an answer could break.
        self.landscape.setEnabled(bool(states and trace is not None and not trace.puzzle.task.startswith("arc")))
        self.save.setEnabled(ready)
        needs_cells = kind == "Hold cells" or self.chosen_only.isChecked()
        self.branch.setEnabled(bool(states) and (not needs_cells or bool(self._selection.cells)))
        self.sigma.setVisible(kind.startswith("Kick"))
        self.seed.setVisible(kind.startswith("Kick"))
        self.chosen_only.setVisible(kind.startswith("Kick"))
        self.stop.setVisible(bool(lab.busy))
        self.undo.setVisible(lab.can_undo)
        if trace is not None and self._traces.cursor >= 0:
            self.branch.setToolTip(f"Change it after {step_name(trace, self._traces.cursor)}, and think on.")
        self.words.setText(self._story())
        self._rows.setFixedHeight(min(self.tree.sizeHint().height() + 4, _TREE_AT_MOST))
        run = lab.run
        if lab.busy:
            self.result.setText(lab.busy)
        elif self._showing is not None and self._showing is not run:
            self._note = ""
        if run is not self._showing and run is not None:
            self.boards.setCurrentWidget(self.pair)
        self._showing = run
        if not lab.busy:
            self.result.setText(self._note or self._of_run())
        self.result.setVisible(bool(self.result.text()))

    def _story(self) -> str:
        lab = self._lab
        if lab.base is None:
            return "Let a model reason about a puzzle. Then change something in the middle, and see what follows."
        if self._traces.running or lab.verdict is None:
            return "Reasoning …"
        told, outcome = lab.verdict
        return told.words if outcome.solved is not False else f"Not solved. {told.words} What would have helped?"

    def _of_run(self) -> str:
        run = self._lab.run
        if run is None:
            return ""
        found = run.found
        count = len(found.outcome.differs)
        differs = (
            "It ends with the base's answer." if not count else f"It ends with another answer in {count} cell{'' if count == 1 else 's'}."
        )
        halts = ""
        if found.halts:
            said = [f"{h.rule} {'never' if h.segment is None else h.segment}{' (missed it)' if h.missed else ''}" for h in found.halts]
            halts = f" Rules would stop at segment: {', '.join(said)}."
        return " ".join(filter(None, [f"{found.story.words} {differs}{halts}", found.note]))

    def _tries_changed(self) -> None:
        self._show_result(self._lab.tries, self.grid)

    def _map_changed(self) -> None:
        self._show_result(self._lab.map, self.map)

    def _show_result(self, found: TriesFound | MapFound | None, view: QWidget) -> None:
        """Show what was found in its view; the boards again once it is gone."""
        if found is not None:
            self.boards.setCurrentWidget(view)
            self._note = found.words
        elif self.boards.currentWidget() is view:
            self.boards.setCurrentWidget(self.pair)
            self._note = ""
        self._refresh()

    def _told(self, words: str) -> None:
        self._note = words
        if self._lab.clues is not None and words == self._lab.clues.words:
            self._selection.set(self._lab.clues.cells)
        self._refresh()

    # Acting ----------------------------------------------------------------------------------------------------------

    def _branch(self) -> None:
        make = _CHANGES[self.what.currentIndex()][2]
        kind = self.what.currentText()
        only = kind == "Hold cells" or (kind.startswith("Kick") and self.chosen_only.isChecked())
        cells = tuple(sorted(self._selection.cells)) if only else None
        change = change_or_reason(lambda: make(self.sigma.value(), cells, self.seed.value()))
        self._note = ""
        if isinstance(change, str):
            self._told(change)
        else:
            self._lab.branch([change])

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the base and its branches", "lab.h5", "Traces (*.h5)")
        if name:
            self._lab.save(Path(name))

    def _menu(self, number: int, where: QPoint) -> None:
        menu = QMenu(self)
        menu.addAction("Open in Explore", lambda: self._lab.open(number))
        if number != BASE:
            menu.addAction("Rename …", lambda: self._rename(number))
            menu.addAction("Delete", lambda: self._lab.delete(number))
        menu.popup(where)

    def _rename(self, number: int) -> None:
        name, accepted = QInputDialog.getText(self, "Rename the branch", "Name", text=self._lab.runs[number].name)
        if accepted:
            self._lab.rename(number, name)

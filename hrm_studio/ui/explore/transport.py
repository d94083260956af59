"""The timeline with its buttons, the step at the cursor in words, the speed of playing, and the run in a sentence."""

from __future__ import annotations

import qtawesome
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QInputDialog, QLabel, QToolButton, QVBoxLayout, QWidget

from hrm_model.analysis.story import count_words, guess_words, story
from hrm_model.trace.data import ModelInfo, Trace
from hrm_studio.actions import Actions
from hrm_studio.glossary import tip
from hrm_studio.models.bookmarks import Bookmarks
from hrm_studio.models.player import PASSES, SPEEDS, Player
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from hrm_studio.ui.board.timeline import TimelineView, step_name
from hrm_studio.ui.widgets.elided import Elided

_BUTTONS = ("to_start", "segment_back", "step_back", "reverse", "play", "step_on", "segment_on", "to_end", "loop", "follow", "bookmark")
_SWITCHES = {"reverse": "backwards", "loop": "loop", "follow": "follow"}  # action → attribute of the player


class Transport(QWidget):
    """A TimelineView with the buttons that play and step."""

    def __init__(
        self, traces: TraceModel, player: Player, bookmarks: Bookmarks, actions: Actions, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._traces, self._player, self._actions, self._theme = traces, player, actions, theme
        self._bookmarks, self._was_marked = bookmarks, False
        self._widest_of: ModelInfo | None = None
        self._told: Trace | None = None  # the trace of the sentence, which does not change with the cursor
        self._told_running = False
        self.timeline = TimelineView(traces, theme, player, bookmarks)
        self.timeline.bookmark_wanted.connect(self.ask_for_note)
        self.position = QLabel("", objectName="position")
        self.position.setToolTip("".join(map(tip, ("segment", "H-cycle", "L-step", "H step"))))
        self.counts, self.story = Elided("muted"), Elided("story")
        for label in (self.counts, self.story):
            label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout()
        row.setSpacing(2)
        for name in _BUTTONS:
            button = QToolButton(objectName="flat")
            button.setDefaultAction(actions.by_name[name])
            actions.by_name[name].setCheckable(name in _SWITCHES)
            row.addWidget(button)
        row.addSpacing(12)
        row.addWidget(self.position)
        row.addSpacing(12)
        row.addWidget(self.counts, 1)
        self.speed = QComboBox(accessibleName="Speed of playing")
        self.speed.setToolTip("Speed of playing: steps per second, or how long the whole trace (or the range) takes")
        for speed in SPEEDS:
            self.speed.addItem(f"{speed} steps/s", speed)
        self.speed.setCurrentIndex(self.speed.findData(player.speed))
        self.speed.insertSeparator(self.speed.count())
        for seconds in PASSES:
            self.speed.addItem(f"all in {seconds} s", -seconds)
        self.speed.activated.connect(self._speed_chosen)
        row.addWidget(self.speed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 4, 12, 6)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.timeline)
        layout.addWidget(self.story)
        traces.cursor_moved.connect(self._show_step)
        traces.trace_replaced.connect(self._show_step)
        traces.trace_grew.connect(self._show_step)
        traces.running_changed.connect(self._show_step)
        player.playing_changed.connect(self._icons)
        player.changed.connect(self._icons)
        bookmarks.changed.connect(self._show_step)
        theme.changed.connect(self._icons)
        self._icons()

    def _icons(self) -> None:
        colour = self._theme.palette.text
        for name in _BUTTONS:
            icon = self._actions.entries[name].icon
            if name == "play" and self._player.playing:
                icon = "mdi6.pause"
            if name == "bookmark" and self._traces.cursor in self._bookmarks.notes:
                icon = "mdi6.bookmark"
            action = self._actions.by_name[name]
            if name in _SWITCHES:
                action.setChecked(getattr(self._player, _SWITCHES[name]))
            action.setIcon(qtawesome.icon(icon, color=self._theme.palette.accent if action.isChecked() else colour))

    def _speed_chosen(self) -> None:
        chosen = self.speed.currentData()
        self._player.set_pass_seconds(-chosen) if chosen < 0 else self._player.set_speed(chosen)

    def ask_for_note(self, step: int) -> None:
        """Ask for the note of a step's bookmark. An empty note is allowed for a new one, and removes an old one."""
        if self._traces.trace is None or step < 0:
            return
        there = self._bookmarks.notes.get(step)
        title = "Add a bookmark" if there is None else "Change the bookmark (an empty note removes it)"
        note, given = QInputDialog.getText(self, title, step_name(self._traces.trace, step) + ". Note:", text=there or "")
        if given and there is not None and not note.strip():
            self._bookmarks.remove(step)
        elif given:
            self._bookmarks.set(step, note.strip())

    def _show_step(self) -> None:
        trace, step = self._traces.trace, self._traces.cursor
        if trace is None or step < 0:
            self.position.setText("")
            self.counts.setText("")
            self.story.setText("")
            self._told = None
            return
        self.position.setText(step_name(trace, step))
        if self._widest_of is not trace.model or self.position.minimumWidth() < self.position.sizeHint().width():
            self._widest_of = trace.model
            self.position.setMinimumWidth(self.position.sizeHint().width())  # what is beside it stays in place as steps pass
        if step in self._bookmarks.notes or self._was_marked:
            self._was_marked = step in self._bookmarks.notes
            self._icons()
        found = self._traces.verdict
        words = [f"⚑ {self._bookmarks.notes[step]}"] if self._bookmarks.notes.get(step) else []
        if found.solved is not None and step >= found.solved:
            words.append("★ solved")
        words += count_words(found.counts, step)
        self.counts.setText("  ·  ".join(words))
        self.counts.setToolTip("<p>" + " ".join([self.counts.text(), guess_words(found.counts, step)]) + "</p>" + tip("undecided"))
        if self._told is not trace or self._told_running != self._traces.running:
            self._told, self._told_running = trace, self._traces.running
            self.story.setText(str(story(trace, found, running=self._traces.running)))

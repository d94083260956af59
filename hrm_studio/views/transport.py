"""Below everything: the timeline with its buttons, the place of the cursor in words, and the speed."""

from __future__ import annotations

import qtawesome
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from hrm_studio.actions import Actions
from hrm_studio.models.player import SPEEDS, Player
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from hrm_studio.views.timeline import TimelineView, step_name

_BUTTONS = ("to_start", "segment_back", "step_back", "play", "step_on", "segment_on", "to_end")


class Transport(QWidget):
    """Buttons of the action table around a TimelineView."""

    def __init__(self, traces: TraceModel, player: Player, actions: Actions, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._traces, self._player, self._actions, self._theme = traces, player, actions, theme
        self.timeline = TimelineView(traces, theme)
        self.position = QLabel("", objectName="position")
        self.verdict = QLabel("", objectName="muted")
        row = QHBoxLayout()
        row.setSpacing(2)
        for name in _BUTTONS:
            button = QToolButton(objectName="flat")
            button.setDefaultAction(actions.by_name[name])
            row.addWidget(button)
        row.addSpacing(12)
        row.addWidget(self.position)
        row.addSpacing(12)
        row.addWidget(self.verdict)
        row.addStretch()
        self.speed = QComboBox()
        self.speed.setToolTip("Speed of playing")
        for speed in SPEEDS:
            self.speed.addItem(f"{speed} steps/s", speed)
        self.speed.setCurrentIndex(SPEEDS.index(player.speed))
        self.speed.activated.connect(lambda _: player.set_speed(self.speed.currentData()))
        row.addWidget(self.speed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 4, 12, 6)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.timeline)
        traces.cursor_moved.connect(self._tell)
        traces.trace_replaced.connect(self._tell)
        traces.trace_grew.connect(self._tell)
        traces.running_changed.connect(self._tell)
        player.playing_changed.connect(self._icons)
        theme.changed.connect(self._icons)
        self._icons()

    def _icons(self) -> None:
        colour = self._theme.palette.text
        for name in _BUTTONS:
            icon = self._actions.entries[name].icon
            if name == "play" and self._player.playing:
                icon = "mdi6.pause"
            self._actions.by_name[name].setIcon(qtawesome.icon(icon, color=colour))

    def _tell(self) -> None:
        trace, step = self._traces.trace, self._traces.cursor
        if trace is None or step < 0:
            self.position.setText("")
            self.verdict.setText("")
            return
        self.position.setText(step_name(trace, step))
        verdict = self._traces.verdict
        right, broken = float(verdict.accuracy[step]), float(verdict.violations[step])
        words = []
        if verdict.solved is not None and step >= verdict.solved:
            words.append("★ solved")
        else:
            if trace.puzzle.solution is not None and step == len(trace) - 1 and not self._traces.running:
                words.append(f"not solved after {trace.segments} segment{'s' if trace.segments > 1 else ''}")
            if right == right:
                words.append(f"{right:.0%} of blanks right")
            if broken == broken:
                words.append("no rule broken" if not broken else f"{broken:.0f} rule violation{'s' if broken > 1 else ''}")
        self.verdict.setText("  ·  ".join(words))

"""The header of a run: name, state, progress, and the actions available now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import qtawesome
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from hrm_studio.models.runs import RunModel
from hrm_studio.theme import Theme
from hrm_studio.ui.train.run_labels import facts, state_colour, state_sign, state_words
from hrm_studio.ui.widgets.elided import Elided
from hrm_studio.units import share
from trainer.runs.log import Mark


@dataclass(frozen=True)
class Control:
    """A button and the run states in which it is shown."""

    name: str
    text: str
    icon: str
    states: tuple[str, ...]
    tip: str
    small: bool = False  # icon only


CONTROLS = (
    Control("pause", "Pause", "mdi6.pause", ("running",), "Pause after this step. The process stays in memory and waits"),
    Control("resume", "Resume", "mdi6.play", ("paused", "stopped", "killed", "failed", "new"), "Continue from where it stopped"),
    # Resuming with the same settings would diverge again.
    Control(
        "change",
        "Continue with changes …",
        "mdi6.tune",
        ("diverged",),
        "Start a new run from its last checkpoint with, for example, a lower learning rate or clipped gradients",
    ),
    Control("save", "Save now", "mdi6.content-save-outline", ("running", "paused"), "Save a checkpoint after this step", True),
    Control(
        "stop",
        "Stop and save",
        "mdi6.stop",
        ("running", "paused", "starting"),
        "Save a checkpoint and end the process. Resume continues from there",
    ),
    Control(
        "discard",
        "Discard …",
        "mdi6.delete-outline",
        ("running", "paused", "starting"),
        "End the process without a checkpoint and delete the run",
        True,
    ),
)


PENDING = {"pause": "pausing …", "stop": "saving and stopping …"}  # until the current step or evaluation is done


def standing_warnings(marks: Iterable[Mark]) -> list[Mark]:
    """Warnings, oldest first. A later checkpoint clears those about a full disk."""
    found: list[Mark] = []
    for mark in marks:
        if mark.kind == "saved":
            found = [warning for warning in found if warning.code != "disk-full"]
        elif mark.kind == "warning":
            found.append(mark)
    return found


class ProgressBar(QWidget):
    """A thin progress bar. The text beside it gives the number."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._share, self._colour = theme, 0.0, "accent"
        self.setFixedHeight(4)

    def set_share(self, share: float, colour: str) -> None:
        self._share, self._colour = share, colour
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.palette.color("muted", 0.2))
        painter.drawRoundedRect(QRectF(self.rect()), 2, 2)
        painter.setBrush(self._theme.palette.color(self._colour))
        painter.drawRoundedRect(QRectF(0, 0, self.width() * self._share, 4), 2, 2)


class RunHeader(QWidget):
    """Signals
    -------
    wanted(str)         a Control's name
    explore_wanted()    open the run's best model in Explore
    menu_wanted(object) the menu, at a global position
    """

    wanted = Signal(str)
    explore_wanted = Signal()
    menu_wanted = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._run: RunModel | None = None
        self._pending: tuple[str, str] | None = None  # the pending command, and the state it was sent in
        self.name = Elided("title")
        self.state = QLabel(objectName="position")
        self.best = QLabel(objectName="position")
        self.facts = Elided("muted")
        for line in (self.name, self.facts):
            line.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.progress = ProgressBar(theme)
        self.buttons: dict[str, QToolButton] = {}
        for control in CONTROLS:
            style = Qt.ToolButtonStyle.ToolButtonIconOnly if control.small else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
            tip = f"{control.text}: {control.tip[0].lower()}{control.tip[1:]}" if control.small else control.tip
            button = QToolButton(text=control.text, toolTip=tip, toolButtonStyle=style, accessibleName=control.text)
            button.clicked.connect(lambda _=False, name=control.name: self.wanted.emit(name))
            self.buttons[control.name] = button
        self.explore = QToolButton(
            text="Open in Explore",
            objectName="go",
            toolTip="Reason with the newest checkpoint in Explore",
            toolButtonStyle=Qt.ToolButtonStyle.ToolButtonTextBesideIcon,
        )
        self.explore.clicked.connect(self.explore_wanted)
        self.more = QToolButton(objectName="flat", toolTip="More actions", accessibleName="More actions on this run")
        self.more.clicked.connect(lambda: self.menu_wanted.emit(self.more.mapToGlobal(self.more.rect().bottomLeft())))
        self.banner = QFrame(objectName="banner", visible=False)
        self.banner_icon, self.banner_text = (
            QLabel(),
            QLabel(wordWrap=True, textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse),
        )
        self.banner_text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._lay_out()
        theme.changed.connect(self.refresh)
        self.refresh()

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(10)
        first.addWidget(self.name, 1)
        first.addWidget(self.best)
        first.addWidget(self.explore)
        second = QHBoxLayout()
        second.setSpacing(6)
        second.addWidget(self.state)
        second.addSpacing(4)
        second.addWidget(self.facts, 1)
        for button in self.buttons.values():
            second.addWidget(button)
        second.addWidget(self.more)
        banner = QHBoxLayout(self.banner)
        banner.setContentsMargins(12, 8, 12, 8)
        banner.addWidget(self.banner_icon, 0, Qt.AlignmentFlag.AlignTop)
        banner.addWidget(self.banner_text, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addWidget(self.progress)
        layout.addWidget(self.banner)

    def show_run(self, run: RunModel | None) -> None:
        if self._run is not None:
            self._run.changed.disconnect(self.refresh)
            self._run.grew.disconnect(self._show_warnings)
        self._run, self._pending = run, None
        if run is not None:
            run.changed.connect(self.refresh)
            run.grew.connect(self._show_warnings)
        self.refresh()

    def show_pending(self, name: str) -> None:
        """Show that a command was sent, until the run changes its state."""
        if self._run is not None and name in PENDING:
            self._pending = name, self._run.summary.state
            self.refresh()

    def refresh(self) -> None:
        palette = self._theme.palette
        for control in CONTROLS:
            self.buttons[control.name].setIcon(qtawesome.icon(control.icon, color=palette.text))
        self.explore.setIcon(qtawesome.icon("mdi6.eye-outline", color=palette.on_accent))
        self.more.setIcon(qtawesome.icon("mdi6.dots-horizontal", color=palette.text))
        if self._run is None:
            return
        summary = self._run.summary
        self.name.setText(summary.name)
        if self._pending is not None and self._pending[1] != summary.state:
            self._pending = None
        words = PENDING[self._pending[0]] if self._pending is not None else state_words(summary)
        colour = state_colour(summary)
        self.state.setText(f'<span style="color:{getattr(palette, colour)}">{state_sign(summary)} {words}</span>')
        self.facts.setText("  ·  ".join(facts(summary)))
        self.best.setText(f"{share(summary.best)} solved" if summary.best is not None else "")
        self.best.setToolTip(f"Unseen puzzles solved by the best checkpoint, at step {summary.best_step:,}")
        self.progress.set_share(summary.progress, colour)
        for control in CONTROLS:
            self.buttons[control.name].setVisible(summary.state in control.states)
        self.explore.setVisible(summary.model is not None)
        self.explore.setToolTip(f"Use the model {summary.model.name} in Explore" if summary.model else "")
        self._show_warnings()

    def _show_warnings(self) -> None:
        """Show why the run ended, or else its newest warning."""
        if self._run is None:
            return
        summary, palette = self._run.summary, self._theme.palette
        warnings = standing_warnings(self._run.log.marks)
        text, bad = summary.message, state_colour(summary) == "wrong"
        if not text and warnings:
            text = f"Step {warnings[-1].step:,}: {warnings[-1].text}"
        if text != self.banner_text.text():
            self.banner_text.setText(text)
        self.banner.setVisible(bool(text))
        colour = palette.wrong if bad else palette.warning
        self.banner_icon.setPixmap(
            qtawesome.icon("mdi6.alert-circle-outline" if bad else "mdi6.information-outline", color=colour).pixmap(QSize(18, 18))
        )

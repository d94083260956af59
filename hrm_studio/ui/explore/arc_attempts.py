"""Two attempts at an ARC input, as the ARC prize allows: the answers to copies of the input that most of these agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSpinBox, QWidget

from hrm_studio.models.explore import ExploreModel
from hrm_studio.theme import Theme
from hrm_studio.ui.explore.arc_pictures import AttemptPicture

if TYPE_CHECKING:
    from hrm_studio.services.attempts import Attempts

_COPIES = 16


class ArcAttempts(QWidget):
    """The pictures of the attempts, and `controls`, which start and stop them. Another input or task clears both.

    Signals
    -------
    told()      there is something new to see
    """

    told = Signal()

    def __init__(self, explore: ExploreModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._explore, self._theme = explore, theme
        self.running = False
        self.go = QPushButton("Two attempts", focusPolicy=Qt.FocusPolicy.TabFocus)
        self.go.setToolTip(
            "Let the model answer turned, mirrored and recoloured copies of this input.\n"
            "The two answers that most copies agree on are its attempts, as the ARC prize allows."
        )
        self.copies = QSpinBox(minimum=1, maximum=1000, value=_COPIES, suffix=" copies", accessibleName="Copies that vote")
        self.state = QLabel("", objectName="muted")
        self.pictures: list[AttemptPicture] = []
        self.controls = QWidget()  # they stand where they can be seen, however many pictures there are
        row = QHBoxLayout(self.controls)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for widget in (self.go, self.copies, self.state):
            row.addWidget(widget)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(6)
        self.go.clicked.connect(self._clicked)
        explore.arc.changed.connect(self.reset)
        explore.puzzle.changed.connect(self.reset)
        self._model = explore.models.path
        explore.models.changed.connect(self._model_changed)
        theme.changed.connect(lambda: [picture.update() for picture in self.pictures])

    def reset(self) -> None:
        """Nothing is found, and nothing asked any longer."""
        self._stop()
        self.state.setText("")
        self._show_pictures([])

    def _model_changed(self) -> None:
        if self._explore.models.path != self._model:
            self._model = self._explore.models.path
            self.reset()

    def _clicked(self) -> None:
        if self.running:
            self._stop()
            return
        self.reset()
        self.running = True
        self.go.setText("Stop")
        self.state.setText("Loading …")
        self._explore.attempt(self.copies.value(), self._told, self._failed)

    def _stop(self) -> None:
        if self.running:
            self._explore.stop_attempts()
        self.running = False
        self.go.setText("Two attempts")

    def _told(self, attempts: Attempts) -> None:
        pair = self._explore.arc.pair
        wanted = None if pair is None else pair.output
        self._show_pictures(
            [
                AttemptPicture(
                    found.grid,
                    f"Attempt {k} · {found.votes} of {attempts.done}",
                    None if wanted is None else np.array_equal(found.grid, wanted),
                    self._theme,
                )
                for k, found in enumerate(attempts.found, 1)
            ]
        )
        self.state.setText(f"{attempts.done} of {attempts.copies} answered")
        if attempts.done == attempts.copies:
            self._stop()
        self.told.emit()

    def _failed(self, message: str) -> None:
        self._stop()
        self.state.setText("")
        self._explore.failed.emit(message, -1)

    def _show_pictures(self, pictures: list[AttemptPicture]) -> None:
        for old in self.pictures:
            self._row.removeWidget(old)
            old.hide()  # it goes only once the event loop runs again
            old.deleteLater()
        self.pictures = pictures
        for picture in pictures:
            self._row.addWidget(picture)

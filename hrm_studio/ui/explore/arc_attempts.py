"""Two attempts at an ARC input, as the ARC Prize allows: copies of the input vote on the two answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSpinBox, QWidget

from hrm_studio.models.explore import ExploreModel
from hrm_studio.theme import Theme
from hrm_studio.ui.explore.arc_pictures import AttemptPicture

if TYPE_CHECKING:
    from hrm_studio.services.arc_attempts import Attempts

_COPIES = 16


class ArcAttempts(QWidget):
    """The pictures of the attempts, and `controls`, which start and stop them. Another input or task clears both.

    Signals
    -------
    updated()   the attempts changed
    """

    updated = Signal()

    def __init__(self, explore: ExploreModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._explore, self._theme = explore, theme
        self.running = False
        self.go = QPushButton("Two attempts", focusPolicy=Qt.FocusPolicy.TabFocus)
        self.go.setToolTip(
            "Let the model reason about rotated, mirrored and recoloured copies of this input.\n"
            "The two answers with the most votes are its attempts, as the ARC Prize allows."
        )
        self.copies = QSpinBox(
            minimum=1,
            maximum=1000,
            value=_COPIES,
            suffix=" copies",
            accessibleName="Copies that vote",
            toolTip="How many relabelled copies of the input vote on the two attempts: more take longer",
        )
        self.state = QLabel("", objectName="muted")
        self.pictures: list[AttemptPicture] = []
        self.controls = QWidget()  # apart from the pictures, which may scroll out of sight
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
        """Stop, and clear the attempts."""
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
        self.state.setText("Loading the model …")
        self._explore.attempt(self.copies.value(), self._show, self._failed)

    def _stop(self) -> None:
        if self.running:
            self._explore.stop_attempts()
        self.running = False
        self.go.setText("Two attempts")

    def _show(self, attempts: Attempts) -> None:
        pair = self._explore.arc.pair
        wanted = None if pair is None else pair.output
        self._show_pictures(
            [
                AttemptPicture(
                    found.grid,
                    f"Attempt {k} · {found.votes} of {attempts.done} votes",
                    None if wanted is None else np.array_equal(found.grid, wanted),
                    self._theme,
                )
                for k, found in enumerate(attempts.found, 1)
            ]
        )
        self.state.setText(f"{attempts.done} of {attempts.copies} copies done")
        if attempts.done == attempts.copies:
            self._stop()
        self.updated.emit()

    def _failed(self, message: str) -> None:
        self._stop()
        self.state.setText("")
        self._explore.failed.emit(message, -1)

    def _show_pictures(self, pictures: list[AttemptPicture]) -> None:
        for old in self.pictures:
            self._row.removeWidget(old)
            old.hide()  # deleteLater takes effect only in the event loop's next turn
            old.deleteLater()
        self.pictures = pictures
        for picture in pictures:
            self._row.addWidget(picture)

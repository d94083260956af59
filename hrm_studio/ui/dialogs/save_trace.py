"""How to save the states of a trace, with the file size of each option."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QRadioButton, QVBoxLayout, QWidget

from hrm_model.trace.data import Trace
from hrm_studio.units import size

_WAYS = {
    "full": "All states, full precision",
    "float16": "All states, 16 bits: enough for every view",
    "pooled": "States averaged over cells: trajectories and curves, no single cells",
    "none": "No states: only answers and Q values",
}


class SaveTraceDialog(QDialog):
    """After it is accepted, `states()` is the chosen option."""

    def __init__(self, trace: Trace, parent: QWidget | None = None, *, more: int = 0) -> None:
        """`more`: bytes of further data in the file, such as attention."""
        super().__init__(parent)
        self.setWindowTitle("Save trace")
        self.choices = {way: QRadioButton(f"{words}   ({size(estimate(trace, way) + more)})") for way, words in _WAYS.items()}
        best = "none" if not trace.has_states else "pooled" if trace.pooled else "full"
        self.choices[best].setChecked(True)
        for way in list(_WAYS)[: list(_WAYS).index(best)]:
            self.choices[way].setEnabled(False)  # states that were not recorded cannot be saved
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        layout.setSpacing(10)
        layout.addWidget(QLabel("Which hidden states to save?", objectName="position"))
        for button in self.choices.values():
            layout.addWidget(button)
        layout.addSpacing(6)
        layout.addWidget(buttons)

    def states(self) -> str:
        """'full', 'float16', 'pooled' or 'none'."""
        return next(way for way, button in self.choices.items() if button.isChecked())


def estimate(trace: Trace, states: str) -> int:
    """Estimated size of the file in bytes."""
    from hrm_model.trace_file.io import size_estimate

    positions, width = (1, 1) if trace.z_H is None else trace.z_H.shape[1:]
    moved = int(np.count_nonzero(trace.level))
    return size_estimate(
        h_steps=moved, l_steps=len(trace) - moved, positions=positions, cells=len(trace.puzzle.given), width=width,
        vocabulary=trace.probability.shape[2], states="none" if trace.z_H is None else states,  # type: ignore[arg-type]
    )  # fmt: skip

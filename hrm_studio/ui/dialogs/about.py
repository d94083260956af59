"""What this program is, and which versions run."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from hrm_studio.ui.dialogs.crash import open_log_folder
from hrm_studio.versions import versions, versions_text

_TEXT = "Watch a Hierarchical Reasoning Model think: every H-cycle and every L-step, as states and as the answer it would give."


class AboutDialog(QDialog):
    """Versions, to read and to copy."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("About HRM Studio")
        self.setMinimumWidth(460)
        found = versions()
        title = QLabel(f"HRM Studio {found.pop('HRM Studio')}", objectName="bigtitle")
        form = QFormLayout(horizontalSpacing=24, verticalSpacing=4)
        for name, number in found.items():
            value = QLabel(number, wordWrap=True, textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
            form.addRow(QLabel(name, objectName="muted"), value)
        self.copy = QPushButton("Copy versions", autoDefault=False)
        self.log = QPushButton("Open log folder", autoDefault=False)
        close = QPushButton("Close", default=True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy)
        buttons.addWidget(self.log)
        buttons.addStretch(1)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(12)
        layout.addWidget(title)
        layout.addWidget(QLabel(_TEXT, wordWrap=True))
        layout.addLayout(form)
        layout.addWidget(QLabel("Apache License 2.0", objectName="muted"))
        layout.addLayout(buttons)
        self.copy.clicked.connect(self._copy)
        self.log.clicked.connect(open_log_folder)
        close.clicked.connect(self.close)

    def _copy(self) -> None:
        copy_versions()
        self.copy.setText("Copied")


def copy_versions() -> None:
    QApplication.clipboard().setText(versions_text())

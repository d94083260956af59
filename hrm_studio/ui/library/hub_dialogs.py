"""Dialogs of the Hugging Face Hub: connection settings, and pushing a model."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from hrm_model.hub.client import is_repo_id
from hrm_studio.models.library import LibraryModel

_LICENCES = ("apache-2.0", "mit", "cc-by-4.0", "cc0-1.0", "other", "")


class HubSettingsDialog(QDialog):
    """Mirror, access token, offline mode and cache folder."""

    def __init__(self, library: LibraryModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Hugging Face Hub settings")
        self._library = library
        hub = library.hub
        self.endpoint = QLineEdit(hub.endpoint or "", placeholderText="https://huggingface.co")
        self.token = QLineEdit(library.token, placeholderText="hf_…", echoMode=QLineEdit.EchoMode.Password)
        self.cache = QLineEdit(library.stored("cache"), placeholderText="default of huggingface_hub")
        self.offline = QCheckBox("Work offline: use only downloaded models", checked=hub.offline)
        note = QLabel(
            "The studio keeps the token until it closes. To store one permanently, run: hf auth login", objectName="muted", wordWrap=True
        )
        form = QFormLayout()
        form.setSpacing(10)
        form.addRow("Mirror", self.endpoint)
        form.addRow("Token", self.token)
        form.addRow("Cache folder", self.cache)
        form.addRow("", self.offline)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(12)
        layout.addLayout(form)
        layout.addWidget(note)
        layout.addWidget(buttons)
        self.setMinimumWidth(460)
        self.accepted.connect(self._save)

    def _save(self) -> None:
        self._library.set_hub(self.endpoint.text(), self.token.text(), self.cache.text(), self.offline.isChecked())


class PushDialog(QDialog):
    """Repository, licence and visibility of a model to push."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Push to the Hub")
        self.id = QLineEdit(placeholderText=f"your-name/{name}")
        self.licence = QComboBox(accessibleName="Licence")
        self.licence.addItems(list(_LICENCES))
        self.private = QCheckBox("Private", checked=True)
        note = QLabel(
            "Uploads the weights, the configuration and the model card. Creates the repository if it does not exist.",
            objectName="muted",
            wordWrap=True,
        )
        form = QFormLayout()
        form.setSpacing(10)
        form.addRow("Repository", self.id)
        form.addRow("Licence", self.licence)
        form.addRow("", self.private)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go = self.buttons.addButton("Push", QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setEnabled(False)
        self.id.textChanged.connect(lambda text: self.go.setEnabled(is_repo_id(text.strip())))
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(12)
        layout.addLayout(form)
        layout.addWidget(note, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(420)

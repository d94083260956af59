"""The glossary: terms of the field and their meanings."""

from __future__ import annotations

import html
import re

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QTextBrowser, QVBoxLayout, QWidget

from hrm_studio.fuzzy import score
from hrm_studio.glossary import TERMS
from hrm_studio.theme import Theme

_STEP = re.compile(r"^\d+\.\d+\.([HL])\d*$")  # the short name of any step finds the entry that explains such names


class GlossaryDialog(QDialog):
    """Searches the glossary."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Glossary")
        self.resize(560, 600)
        self._theme = theme
        self.filter = QLineEdit(placeholderText="Search", clearButtonEnabled=True, accessibleName="Search terms")
        self.text = QTextBrowser(accessibleName="Terms and their meanings")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        layout.addWidget(self.filter)
        layout.addWidget(self.text, 1)
        layout.addWidget(buttons)
        self.filter.textChanged.connect(self._fill)
        theme.changed.connect(self._fill)
        self._fill()

    def _fill(self) -> None:
        wanted, muted = _STEP.sub(r"4.2.\1", self.filter.text().strip()), self._theme.palette.muted
        found = []
        for term in TERMS:
            in_name = max((s for n in (term.name, *term.also) if (s := score(wanted, n)) is not None), default=None)
            if not wanted or in_name is not None or wanted.lower() in term.meaning.lower():
                found.append((-1000.0 if in_name is None else in_name, term))
        if wanted:
            found.sort(key=lambda pair: -pair[0])
        rows = [f'<p><b>{html.escape(t.name)}</b><br><span style="color:{muted}">{html.escape(t.meaning)}</span></p>' for _, t in found]
        self.text.setHtml("".join(rows) or f'<p style="color:{muted}">No such term.</p>')

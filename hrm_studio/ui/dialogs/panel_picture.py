"""Save a picture of any visible panel as it looks on screen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDockWidget,
    QFileDialog,
    QFormLayout,
    QLabel,
    QMainWindow,
    QPushButton,
    QWidget,
)

from hrm_model.errors import HRMError
from hrm_model.folders import person
from hrm_studio.ui.widgets.error_label import ErrorLabel
from hrm_studio.ui.widgets.number_box import NumberBox


def panels_of(page: QWidget) -> dict[str, QWidget]:
    """The visible parts of a page, by name: the whole page and its panels."""
    found = {"Whole page": page}
    places: dict[str, QWidget | None] = {dock.windowTitle(): dock.widget() for dock in page.findChildren(QDockWidget)}
    if isinstance(page, QMainWindow):
        places = {"Centre": page.centralWidget()} | places
    found |= {name: widget for name, widget in places.items() if widget is not None and not widget.visibleRegion().isEmpty()}
    return found


class PanelPictureDialog(QDialog):
    """Asks for the panel, the scale and the file.

    Signals
    -------
    made(object)    the Path of the picture
    """

    made = Signal(object)

    def __init__(self, panels: Mapping[str, QWidget], settings: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Save picture of a panel")
        self._panels, self._settings = dict(panels), settings
        self.which = QComboBox(accessibleName="Which panel")
        self.which.addItems(list(panels))
        self.scale = NumberBox(minimum=0.5, maximum=8, singleStep=0.5, value=2, decimals=1, prefix="× ")
        self.scale.setToolTip(
            "Pixels of a PNG per screen pixel. 2 is sharp on high-resolution screens and in print. SVG and PDF are vector graphics."
        )
        self.size_ = QLabel(objectName="muted")
        self.error = ErrorLabel()
        self.go = QPushButton("Save …", objectName="go", default=True)
        form = QFormLayout(self)
        form.setContentsMargins(18, 16, 18, 16)
        form.setSpacing(8)
        form.addRow("Panel", self.which)
        form.addRow("Scale", self.scale)
        form.addRow("", self.size_)
        form.addRow(self.error)
        form.addRow("", self.go)
        self.setMinimumWidth(360)
        self.which.currentIndexChanged.connect(self._show_size)
        self.scale.valueChanged.connect(self._show_size)
        self.go.clicked.connect(self._ask_where)
        self._show_size()

    def _show_size(self) -> None:
        size = self._panels[self.which.currentText()].size() * self.scale.value()
        self.size_.setText(f"{size.width()} × {size.height()} pixels. Resize the panel for another shape.")

    def _ask_where(self) -> None:
        folder = Path(str(self._settings.value("export_folder", person())))
        name = self.which.currentText().lower().replace(" ", "_")
        where, _ = QFileDialog.getSaveFileName(self, "Save picture", str(folder / f"{name}.png"), "PNG (*.png);;SVG (*.svg);;PDF (*.pdf)")
        if where:
            self.save(Path(where) if Path(where).suffix else Path(where).with_suffix(".png"))

    def save(self, path: Path) -> None:
        """Save the picture; close if that succeeds."""
        from hrm_studio.export.image import save_image

        try:
            save_image(self._panels[self.which.currentText()], path, self.scale.value())
        except (HRMError, OSError) as error:
            self.error.show_message(str(error))
            return
        self._settings.setValue("export_folder", str(path.parent))
        self.made.emit(path)
        self.accept()

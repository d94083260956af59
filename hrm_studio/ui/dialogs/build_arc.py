"""Builds the dataset of an ARC preset: asks where its tasks are, then shows the progress."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from hrm_studio.services.child_process import ChildProcess, Reply
from hrm_studio.ui.widgets.error_label import ErrorLabel

_ABOUT = (
    "The tasks come as two folders of .json files, training and evaluation, from the ARC-AGI repositories on GitHub. "
    "An unfinished build continues where it stopped."
)


class BuildArcDialog(QDialog):
    """Signals
    -------
    built(object)   the Path of the dataset
    """

    built = Signal(object)

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        """`folder`: where the dataset will be."""
        super().__init__(parent)
        self.setWindowTitle(f"Build the dataset {folder.name}")
        self._folder = folder
        self.child: ChildProcess | None = None
        self.training, self.evaluation = QLineEdit(accessibleName="Training tasks"), QLineEdit(accessibleName="Evaluation tasks")
        self.copies = QSpinBox(minimum=0, maximum=5000, value=1000, suffix=" copies of each task", accessibleName="Copies of each task")
        self.copies.setToolTip("Rotated, mirrored and recoloured. The published recipe uses 1,000; fewer take less time and disk space.")
        self.error = ErrorLabel()
        self.bar = QProgressBar(visible=False)
        self.state = QLabel(objectName="muted", visible=False)
        self.go, self.cancel = QPushButton("Build", objectName="go"), QPushButton("Cancel")
        self.go.clicked.connect(self.start)
        self.cancel.clicked.connect(self.reject)
        self._lay_out()

    def _lay_out(self) -> None:
        grid = QGridLayout()
        for row, (text, field) in enumerate((("Training tasks", self.training), ("Evaluation tasks", self.evaluation))):
            choose = QPushButton("Choose …", accessibleName=f"Choose the folder: {text}")
            choose.clicked.connect(lambda _=False, field=field: self._choose(field))
            for column, widget in enumerate((QLabel(text), field, choose)):
                grid.addWidget(widget, row, column)
        grid.addWidget(self.copies, 2, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.state, 1)
        buttons.addStretch()
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.go)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(10)
        layout.addWidget(QLabel(_ABOUT, wordWrap=True))
        layout.addLayout(grid)
        layout.addWidget(self.error)
        layout.addWidget(self.bar)
        layout.addLayout(buttons)
        self.setMinimumWidth(520)

    def _choose(self, field: QLineEdit) -> None:
        name = QFileDialog.getExistingDirectory(self, "A folder of ARC tasks", field.text())
        if name:
            field.setText(name)
            beside = Path(name).with_name("evaluation")
            if field is self.training and not self.evaluation.text() and beside.is_dir():
                self.evaluation.setText(str(beside))

    def start(self) -> None:
        """Build in a process of its own."""
        if self.child is not None:
            return
        for field in (self.training, self.evaluation):
            if not field.text().strip():
                self.error.show_message(f"{field.accessibleName()}: choose a folder first.")
                return
        self.error.show_message("")
        request = {
            "training": self.training.text().strip(), "evaluation": self.evaluation.text().strip(), "copies": self.copies.value(), "folder": str(self._folder),
        }  # fmt: skip
        self.child = ChildProcess(
            ["-m", "trainer.data.build_child"], request,
            name="The process that builds the dataset", doing="building a dataset", is_last=lambda answer: "error" in answer or "folder" in answer, parent=self,
        )  # fmt: skip
        self.child.answered.connect(self._take)
        self.child.ended.connect(self._ended)
        self.go.setEnabled(False)
        self.bar.setRange(0, 0)
        self.bar.show()
        self.state.setText("Reading the tasks …")
        self.state.show()
        self.child.start()

    def _take(self, answer: Reply) -> None:
        if "total" in answer:
            self.bar.setRange(0, answer["total"])
            self.bar.setValue(answer["done"])
            self.state.setText(f"{answer['done']:,} of {answer['total']:,} examples")
        elif "error" in answer:
            self.error.show_message(answer["error"])
        elif "folder" in answer:
            self.built.emit(Path(answer["folder"]))
            self.accept()

    def _ended(self, fault: str) -> None:
        if fault:
            self.error.show_message(fault)
        if self.child is not None:
            self.child.deleteLater()
            self.child = None
        self.go.setEnabled(True)
        self.bar.hide()
        self.state.hide()

    def done(self, result: int) -> None:
        """Closed in whatever way: the process ends with the dialog; what it wrote is continued by the next build."""
        if self.child is not None:
            self.child.close()
            self.child = None
        super().done(result)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.reject()
        super().closeEvent(event)

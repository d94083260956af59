"""The tensors of a checkpoint as a tree, with statistics and a histogram of the chosen one."""

from __future__ import annotations

import math
import re

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QGridLayout, QHeaderView, QLabel, QSplitter, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from hrm_model.checkpoint.inspect import Inspection, Statistics, statistics
from hrm_model.config import tensor_shapes
from hrm_model.errors import HRMError
from hrm_studio.services.background import Background
from hrm_studio.theme import Theme
from hrm_studio.units import count, share

_LAYER = re.compile(r"^([HL]_level)\.layers\.(\d+)\.(.+)$")
_FEW = 48  # with fewer tensors, all groups are open


class Histogram(QWidget):
    """Histogram of the values of a tensor."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.statistics: Statistics | None = None
        self.colour = "accent"
        self.setMinimumHeight(120)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(260, 180)

    def paintEvent(self, event: QPaintEvent) -> None:
        palette = self._theme.palette
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            plot = QRectF(self.rect()).adjusted(2, 6, -2, -20)
            painter.setPen(QPen(palette.color("border"), 1))
            painter.drawLine(plot.bottomLeft(), plot.bottomRight())
            if self.statistics is None or not self.statistics.counts.sum():
                return
            found = self.statistics
            heights = found.counts / found.counts.max()
            width = plot.width() / len(heights)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color(self.colour, 0.75))
            for number, height in enumerate(heights):
                if height:
                    tall = max(1.0, float(height) * plot.height())
                    painter.drawRect(QRectF(plot.left() + number * width, plot.bottom() - tall, max(width - 1, 1), tall))
            low, high = float(found.edges[0]), float(found.edges[-1])
            if low < 0 < high:
                x = plot.left() + plot.width() * -low / (high - low)
                painter.setPen(QPen(palette.color("muted"), 1, Qt.PenStyle.DashLine))
                painter.drawLine(int(x), int(plot.top()), int(x), int(plot.bottom()))
            painter.setPen(palette.color("muted"))
            font = painter.font()
            font.setPointSizeF(8)
            painter.setFont(font)
            foot = QRectF(plot.left(), plot.bottom() + 3, plot.width(), 16)
            painter.drawText(foot, Qt.AlignmentFlag.AlignLeft, f"{low:.3g}")
            painter.drawText(foot, Qt.AlignmentFlag.AlignRight, f"{high:.3g}")


class TensorView(QWidget):
    """Signals
    -------
    failed(str)     why the values of a tensor cannot be read
    """

    failed = Signal(str)

    def __init__(self, background: Background, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background, self._theme = background, theme
        self._inspection: Inspection | None = None
        self._name = ""
        self.tree = QTreeWidget(accessibleName="Tensors")
        self.tree.setHeaderLabels(["Tensor", "Shape", "Type", "Values"])
        self.tree.setUniformRowHeights(True)
        self.tree.setAlternatingRowColors(True)
        self.tree.currentItemChanged.connect(lambda item, _: self._chosen(item))
        self.name = QLabel(objectName="title", wordWrap=True, textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
        self.shape = QLabel(objectName="muted", wordWrap=True)
        self.histogram = Histogram(theme)
        self.note = QLabel(objectName="muted", wordWrap=True)
        self.values: dict[str, QLabel] = {}
        side = QFrame(objectName="banner")
        column = QVBoxLayout(side)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        column.addWidget(self.name)
        column.addWidget(self.shape)
        column.addWidget(self.histogram, 1)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        for number, title in enumerate(("mean", "std", "min", "max", "zeros", "not finite")):
            caption, value = QLabel(title, objectName="muted"), QLabel("")
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self.values[title] = value
            grid.addWidget(caption, number // 2, 2 * (number % 2))
            grid.addWidget(value, number // 2, 2 * (number % 2) + 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        column.addLayout(grid)
        column.addWidget(self.note)
        splitter = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        splitter.addWidget(self.tree)
        splitter.addWidget(side)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([620, 300])
        self.tree.setMinimumWidth(240)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.addWidget(splitter)
        theme.changed.connect(self._fill)

    def show_inspection(self, inspection: Inspection | None) -> None:
        self._name = self._name if inspection is self._inspection else ""
        self._inspection = inspection
        self._fill()

    def choose(self, name: str) -> None:
        """Select the row of a tensor and show it."""
        for number in range(self.tree.topLevelItemCount()):
            item = self._find(self.tree.topLevelItem(number), name)
            if item is not None:
                self.tree.setCurrentItem(item)
                self.tree.scrollToItem(item)

    def _find(self, item: QTreeWidgetItem | None, name: str) -> QTreeWidgetItem | None:
        if item is None:
            return None
        if item.data(0, Qt.ItemDataRole.UserRole) == name:
            return item
        return next((found for n in range(item.childCount()) if (found := self._find(item.child(n), name)) is not None), None)

    def _fill(self) -> None:
        chosen = self._name
        self.tree.clear()
        found = self._inspection
        if found is None:
            return
        palette = self._theme.palette
        groups: dict[tuple[str, ...], QTreeWidgetItem] = {}
        numbers: dict[tuple[str, ...], int] = {}

        def group(path: tuple[str, ...]) -> QTreeWidgetItem:
            if path not in groups:
                groups[path] = QTreeWidgetItem(group(path[:-1]) if path[1:] else self.tree, [path[-1]])
            return groups[path]

        def add(
            name: str, shape: tuple[int, ...], dtype: str, colour: str = "", why: str = "", under: tuple[str, ...] | None = None
        ) -> None:
            match = _LAYER.match(name) if under is None else None
            path, last = ((match[1], f"layer {match[2]}"), match[3]) if match else (under or (), name)
            numel = math.prod(shape)
            item = QTreeWidgetItem(
                group(path) if path else self.tree, [last, " × ".join(f"{n:,}" for n in shape) or "scalar", dtype, count(numel)]
            )
            item.setData(0, Qt.ItemDataRole.UserRole, name)
            item.setToolTip(0, f"{name}{': ' + why if why else ''}")
            if colour:
                for column in range(4):
                    item.setForeground(column, QBrush(palette.color(colour)))
                item.setText(2, why)
            for length in range(1, len(path) + 1):
                numbers[path[:length]] = numbers.get(path[:length], 0) + numel

        expected = tensor_shapes(found.config) if found.config else {}
        odd = dict.fromkeys(found.missing, "missing") | dict.fromkeys(found.unexpected, "unexpected")
        odd |= {m.name: "should be " + " × ".join(map(str, m.expected)) for m in found.mismatched}
        there = {t.name: t for t in found.tensors}
        for name, why in odd.items():  # first, in a group of their own
            shape, dtype = (there[name].shape, there[name].dtype) if name in there else (expected[name], "")
            add(name, shape, dtype, "warning" if why == "unexpected" else "wrong", why, (f"{len(odd)} do not fit",))
        for tensor in found.tensors:
            if tensor.name not in odd:
                add(tensor.name, tensor.shape, tensor.dtype)
        for path, item in groups.items():
            item.setText(3, count(numbers.get(path, 0)))
            item.setExpanded(len(path) == 1 or len(found.tensors) < _FEW)
        header = self.tree.header()
        for column in range(4):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.choose(chosen or (found.tensors[0].name if found.tensors else ""))

    def _chosen(self, item: QTreeWidgetItem | None) -> None:
        found = self._inspection
        name = item.data(0, Qt.ItemDataRole.UserRole) if item is not None else None
        if found is None or name is None or name not in found.names:
            return
        self._name = name
        tensor = next(t for t in found.tensors if t.name == name)
        self.name.setText(name)
        self.shape.setText(f"{' × '.join(f'{n:,}' for n in tensor.shape)}, {tensor.dtype}")
        self.note.setText("Reading …")
        self.histogram.statistics = None
        self.histogram.update()
        level = {"H": "level_H", "L": "level_L"}
        self.histogram.colour = level.get(name[0], "accent") if name[1:6] in ("_leve", "_init") else "accent"

        def work() -> Statistics | str:
            try:
                return statistics(found, name)
            except (HRMError, OSError) as error:
                return str(error)

        self._background.run(work, lambda found: self._show(name, tensor.numel, found))

    def _show(self, name: str, numel: int, found: Statistics | str) -> None:
        if name != self._name:
            return  # another tensor was chosen meanwhile
        if isinstance(found, str):
            self.failed.emit(found)
            return
        self.histogram.statistics = found
        self.histogram.update()
        for title, value in (("mean", found.mean), ("std", found.std), ("min", found.low), ("max", found.high)):
            self.values[title].setText(f"{value:.5g}")
        self.values["zeros"].setText(share(found.zeros))
        self.values["not finite"].setText(f"{found.not_finite:,}")
        self.note.setText(
            f"Sample of {found.numbers:,} of {numel:,} values, evenly spaced." if found.numbers < numel else f"All {numel:,} values."
        )

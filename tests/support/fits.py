"""Whether the text of labels, buttons, combo boxes and tabs fits into them, and whether they lie within what can be seen."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollArea,
    QStyleOptionComboBox,
    QTabBar,
    QToolButton,
    QWidget,
)

from hrm_studio.ui.widgets.elided import Elided

_SLACK = 1  # pixels: a rounded width


def misfits(root: QWidget) -> Iterator[str]:
    """What is cut off below `root`, in words. Labels that end in … on purpose are left out; scroll areas may hide what can be scrolled to."""
    for widget in root.findChildren(QWidget):
        if not widget.isVisible() or widget.visibleRegion().isEmpty():
            continue
        if isinstance(widget, QTabBar):
            yield from _tabs(widget)
        elif isinstance(widget, QLabel | QAbstractButton | QComboBox | QAbstractSpinBox):
            fault = _fault(widget)
            if fault:
                yield f"{_place(widget)}: {fault}"


def _fault(widget: QWidget) -> str:
    if isinstance(widget, Elided) or widget.objectName().startswith("qt_"):
        return ""
    if isinstance(widget, QLabel):
        fault = _label(widget)
    elif isinstance(widget, QAbstractButton):
        icon_only = isinstance(widget, QToolButton) and widget.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly
        fault = _short(widget, widget.sizeHint().width()) if widget.text() and not icon_only else ""
    elif isinstance(widget, QComboBox):
        fault = _combo(widget)
    else:
        assert isinstance(widget, QAbstractSpinBox)
        fault = _spin_box(widget)
    return fault or _cut(widget)


def _short(widget: QWidget, wanted: int) -> str:
    return f"needs {wanted} pixels, has {widget.width()}" if wanted > widget.width() + _SLACK else ""


def _label(label: QLabel) -> str:
    if not label.text() or not label.pixmap().isNull():
        return ""
    if label.wordWrap():
        wanted = label.heightForWidth(label.width())
        return f"needs {wanted} pixels of height, has {label.height()}" if wanted > label.height() + _SLACK else ""
    return _short(label, label.sizeHint().width())


def _combo(combo: QComboBox) -> str:
    text = combo.currentText()
    if not text:
        return ""
    field = combo.style().subControlRect(
        combo.style().ComplexControl.CC_ComboBox, _option(combo), combo.style().SubControl.SC_ComboBoxEditField, combo
    )
    wanted = combo.fontMetrics().horizontalAdvance(text)
    return f"needs {wanted} pixels for its text, has {field.width()}" if wanted > field.width() + _SLACK else ""


def _option(combo: QComboBox) -> QStyleOptionComboBox:
    option = QStyleOptionComboBox()
    combo.initStyleOption(option)
    return option


def _spin_box(box: QAbstractSpinBox) -> str:
    field = box.findChild(QLineEdit)
    assert field is not None
    wanted = box.fontMetrics().horizontalAdvance(box.text())
    return f"needs {wanted} pixels for its text, has {field.width()}" if wanted > field.width() + _SLACK else ""


def _tabs(bar: QTabBar) -> Iterator[str]:
    for k in range(bar.count()):
        wanted = bar.fontMetrics().horizontalAdvance(bar.tabText(k))
        if bar.isTabVisible(k) and wanted > bar.tabRect(k).width():
            yield f"{_place(bar)} tab {bar.tabText(k)!r}: needs {wanted} pixels, has {bar.tabRect(k).width()}"


def _cut(widget: QWidget) -> str:
    """Whether a parent cuts it off, other than one that can be scrolled that way."""
    place = QRect(QPoint(0, 0), widget.size())
    parent = widget.parentWidget()
    at = widget
    while parent is not None and not at.isWindow():
        place = place.translated(at.pos())
        area = parent.parentWidget()
        if isinstance(area, QAbstractScrollArea) and area.viewport() is parent:
            scrolls_x = area.horizontalScrollBarPolicy() != Qt.ScrollBarPolicy.ScrollBarAlwaysOff
            if isinstance(area, QScrollArea) and not scrolls_x and (place.left() < -_SLACK or place.right() > parent.width() + _SLACK):
                return f"cut off by {place.right() - parent.width()} pixels at the right of its panel"
            return ""
        if not parent.rect().adjusted(-_SLACK, -_SLACK, _SLACK, _SLACK).contains(place):
            return f"reaches {place} beyond {type(parent).__name__} of {parent.width()} × {parent.height()}"
        at, parent = parent, parent.parentWidget()
    return ""


def _place(widget: QWidget) -> str:
    text = (
        widget.text()
        if isinstance(widget, QLabel | QAbstractButton | QAbstractSpinBox)
        else widget.currentText()
        if isinstance(widget, QComboBox)
        else ""
    )
    names = []
    parent = widget.parentWidget()
    while parent is not None and len(names) < 3:
        if type(parent).__module__.startswith("hrm_studio"):
            names.append(type(parent).__name__)
        parent = parent.parentWidget()
    return f"{' in '.join([type(widget).__name__, *names])} {text[:60]!r}"

"""Save a widget as a PNG, SVG or PDF. The same picture gives the same bytes."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QMarginsF, QPoint, QRect, QSizeF
from PySide6.QtGui import QImage, QPageSize, QPainter, QPdfWriter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from hrm_model.errors import ExportError
from hrm_model.files import atomic_path

ENDINGS = (".png", ".svg", ".pdf")


def save_image(widget: QWidget, path: Path, scale: float = 1.0) -> Path:
    """Save a widget at its current size; the ending of the path decides the format. `scale`: pixels of a PNG per pixel of the widget.

    An existing file is replaced only when the new one is complete. Raises ExportError or WriteError.
    """
    kind = path.suffix.lower()
    if kind not in ENDINGS:
        raise ExportError(f"{path}: unsupported picture format. Use {', '.join(ENDINGS)}")
    with atomic_path(path) as part:
        if kind == ".png":
            write_png(widget, part, scale)
        else:
            (write_svg if kind == ".svg" else write_pdf)(widget, part)
    return path


def write_png(widget: QWidget, path: Path, scale: float) -> None:
    image = QImage(widget.size() * scale, QImage.Format.Format_RGB888)
    image.setDevicePixelRatio(scale)
    image.fill(widget.palette().window().color())
    _paint(widget, image, path)
    if not image.save(str(path), "PNG"):  # type: ignore[call-overload]
        raise OSError("Qt could not write the picture; is there room on the disk?")


def write_svg(widget: QWidget, path: Path) -> None:
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(widget.size())
    generator.setViewBox(QRect(0, 0, widget.width(), widget.height()))
    generator.setTitle(widget.accessibleName())
    _paint(widget, generator, path)


def write_pdf(widget: QWidget, path: Path) -> None:
    writer = QPdfWriter(str(path))
    writer.setResolution(96)
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    writer.setPageSize(QPageSize(QSizeF(widget.width() * 0.75, widget.height() * 0.75), QPageSize.Unit.Point))
    writer.setTitle(widget.accessibleName())
    writer.setCreator("HRM Studio")
    _paint(widget, writer, path)
    del writer  # completes the file
    path.write_bytes(_timeless(path.read_bytes()))


def _timeless(pdf: bytes) -> bytes:
    """Replace the time and the random ID that Qt writes into a PDF, keeping its length, so that the same picture gives the same file."""
    pdf = re.sub(rb"(Date \(D:)\d{14}", rb"\g<1>20000101000000", pdf)
    pdf = re.sub(rb'(xmp:\w+Date=")\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d', rb"\g<1>2000-01-01T00:00:00", pdf)
    found = re.search(rb"uuid:([0-9a-f-]{36})", pdf)
    if found is not None:
        for number in (found[1], found[1].hex().encode()):
            pdf = pdf.replace(number, b"0" * len(number))
    return pdf


def _paint(widget: QWidget, device: QImage | QSvgGenerator | QPdfWriter, path: Path) -> None:
    painter = QPainter()
    if not painter.begin(device):
        raise OSError("Qt could not open it")
    try:
        widget.render(painter, QPoint(0, 0))
    finally:
        painter.end()

"""Painting for files of lines and letters."""

from __future__ import annotations

from PySide6.QtGui import QPaintEngine, QPainter


def is_vector(painter: QPainter) -> bool:
    """Whether lines and letters are wanted, for SVG or PDF, and no pictures that were kept."""
    return painter.paintEngine().type() in (QPaintEngine.Type.SVG, QPaintEngine.Type.Pdf)

"""Painting for vector files."""

from __future__ import annotations

from PySide6.QtGui import QPaintEngine, QPainter


def is_vector(painter: QPainter) -> bool:
    """Whether this paints an SVG or PDF, where text and lines must be drawn as such and not as cached pixmaps."""
    return painter.paintEngine().type() in (QPaintEngine.Type.SVG, QPaintEngine.Type.Pdf)

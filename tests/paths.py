"""Folders that tests read from."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]  # the repository
DATA = ROOT / "tests" / "data"
PUBLISHED_MODEL = DATA / "sudoku_tiny"  # a checkpoint as the published trainer writes it
PUBLISHED_DATA = DATA / "published"  # datasets and raw files in the published layouts

"""Puzzles that several tests use."""

from __future__ import annotations

from hrm_model.assets import puzzle_lines

STARTER_4 = next(line for line in puzzle_lines("starter") if len(line) == 16)
STARTER_9 = next(line for line in puzzle_lines("starter") if len(line) == 81)

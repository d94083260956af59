"""Ticks of a logarithmic axis: decades, and the numbers between them where there is room."""

from __future__ import annotations

import numpy as np

from hrm_model.analysis.core import Floats
from hrm_studio.ui.plots.plot import NUMBERS_APART


def tick_levels(values: Floats, height: float) -> list[list[tuple[float, str]]]:
    """Two levels of ticks: as many whole decades as fit in `height` pixels, and those between them, which a low plot leaves out."""
    ticks = log_ticks(values)
    whole, between = [t for t in ticks if t[0].is_integer()], [t for t in ticks if not t[0].is_integer()]
    span = float(np.log10(values.max() / values.min())) if len(values) else 0.0
    every = max(1, int(np.ceil(NUMBERS_APART * span / max(1.0, height))))
    return [[t for t in whole if (t[0] - whole[-1][0]) % every == 0], between]


def log_ticks(values: np.ndarray) -> list[tuple[float, str]]:
    """Ticks (log10 of the value, its text) of a logarithmic axis: whole decades, with 2 and 5 between if these are few."""
    if not len(values):
        return []
    low, high = np.log10(values.min()), np.log10(values.max())
    factors = (1, 2, 5) if high - low < 1.7 else (1,)
    found = [f * 10.0**k for k in range(int(np.floor(low)), int(np.ceil(high)) + 1) for f in factors]
    return [(float(np.log10(v)), f"{v:g}") for v in found]

"""The legend of the states' colours, in one line."""

from __future__ import annotations

import numpy as np

from hrm_model.analysis.core import blanks
from hrm_model.trace.data import Trace
from hrm_studio.theme import Palette
from hrm_studio.ui.board.token_text import token_text
from hrm_studio.ui.plots.plot import legend_entry
from hrm_studio.ui.plots.state_painter import scale, token_colour

_ENDS = {"step": ("start", "end"), "right": ("0 %", "100 % right"), "confidence": ("unsure", "sure")}


def legend(by: str | None, cells: bool, trace: Trace | None, palette: Palette) -> str:
    """For colours by 'step', 'right' or 'confidence', and of cells by 'judgement', 'digit' or 'cell'; '' if they need no legend."""
    if trace is None or by is None or by == "module":
        return ""
    known = trace.puzzle.solution is not None
    if by == "right" and not known:
        return "no solution known"
    if by in _ENDS:
        shades, (low, high) = scale(palette), _ENDS[by]
        band = "".join(f'<span style="color:{shade.name()}">■</span>' for shade in shades[::2])
        return f"{low} {band} {high}"
    if by == "judgement":
        parts = [legend_entry(palette.right if known else palette.answer, "right" if known else "answered")]
        parts += [f'<span style="color:{palette.wrong}">▲</span> wrong'] if known else []
        return " &nbsp;".join(parts + ([legend_entry(palette.muted, "given")] if not blanks(trace).all() else []))
    if by == "digit":
        tokens = np.unique(trace.prediction[:, blanks(trace)]).tolist()
        words = [(token_text(trace.puzzle.task, t), token_colour(trace.puzzle.task, t, palette).name()) for t in tokens]
        if trace.puzzle.task.startswith("sudoku"):
            return " ".join(f'<b style="color:{colour}">{text}</b>' for text, colour in words)
        return " &nbsp;".join(legend_entry(colour, text.split(" (")[0]) for text, colour in words)
    return "hue: row &nbsp;brightness: column"

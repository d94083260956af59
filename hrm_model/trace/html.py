"""A trace as a notebook shows it: the final board and two curves, as HTML with inline SVG.

Everything is in the text itself: no script, no style sheet, no link. Lines and letters take the notebook's own text colour, and all other
colours can be read on white and on black, because a notebook gives HTML no access to its theme.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from hrm_model.tasks.arc import puzzle as arc
from hrm_model.tasks.base import Grid, Walls, wall_lines
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.trace.arrays import LEVEL_H, LEVEL_L, TraceArrays
from hrm_model.trace.curves import Floats, accuracy, blanks, halting_segment, residuals, solved_step, task_of, violations

_ANSWER, _WRONG, _H, _L = "#1f7ac8", "#d6431d", "#b8680a", "#1f7ac8"  # contrast of at least 4:1 on white and on #111
_BOARD = 216  # pixels along a side
_WIDTH, _HEIGHT = 380, 84  # of a plot's area
_LEFT, _TOP = 44, 16  # room for numbers and a title
_MOST_POINTS = 600  # of a curve; a pixel shows no more
_MOST_SEGMENTS = 64  # whose borders are drawn


def trace_html(trace: TraceArrays) -> str:
    """The final board of a trace, its outcome, and its residuals and broken rules (right cells, if the task has no rules)."""
    if not len(trace):
        return "<p>An empty trace</p>"
    plots = []
    if trace.has_states:
        found = residuals(trace)
        series = [
            (name, colour, np.where(trace.level == level, found, np.nan))
            for name, colour, level in (("L", _L, LEVEL_L), ("H", _H, LEVEL_H))
        ]
        plots.append(_plot(trace, "residual ‖Δz‖ of L and H (log)", series, log=True))
    broken, right = violations(trace), accuracy(trace)
    if not np.isnan(broken).all():
        plots.append(_plot(trace, "broken rules", [("", _WRONG, broken)]))
    elif not np.isnan(right).all():
        plots.append(_plot(trace, "right cells, %", [("", _ANSWER, 100 * right)]))
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:20px;align-items:flex-start;color:inherit;font-size:13px;font-family:system-ui,sans-serif">'
        f"{_board(trace)}<div><div>{_summary(trace)}</div>{''.join(plots)}</div></div>"
    )


def _summary(trace: TraceArrays) -> str:
    title = f"<b>{escape(trace.puzzle.task)}</b>" + (f" by {escape(trace.model.name)}" if trace.model.name else "")
    words = [f"{trace.segments} segment{'' if trace.segments == 1 else 's'}", f"{len(trace)} steps"]
    step, halt = solved_step(trace), halting_segment(trace)
    if step is not None:
        words.append(f"solved in segment {int(trace.segment[step]) + 1}")
    elif trace.puzzle.solution is not None:
        words.append("not solved")
    words.append("would not halt" if halt is None else f"would halt after segment {halt + 1}")
    return f"{title}<br/>{', '.join(words)}"


# The board ----------------------------------------------------------------------------------------------------------------


def _board(trace: TraceArrays) -> str:
    task, tokens = task_of(trace), np.asarray(trace.prediction[-1])
    if task is None:
        return _digits_board(trace.side, [str(token) for token in tokens.tolist()], blanks(trace), np.zeros(len(tokens), bool))
    answer, given = task.from_tokens(tokens), task.from_tokens(np.asarray(trace.puzzle.given))
    if task.name == "arc":
        return _arc_board(answer)
    if isinstance(task, MazeTask):
        return _maze_board(task, answer, given)
    known = trace.puzzle.solution
    wrong = task.faults(answer, given) if known is None else tokens != known
    return _digits_board(task.side, [task.symbols[n].strip(".") for n in answer.tolist()], task.blanks(given), wrong, task.walls)


def _digits_board(side: int, texts: Sequence[str], open_cells: np.ndarray, wrong: np.ndarray, walls: Walls | None = None) -> str:
    size = _BOARD / side
    parts = []
    for cell, text in enumerate(texts):
        row, column = divmod(cell, side)
        style = (
            f'fill="{_WRONG}" text-decoration="underline"'
            if wrong[cell]
            else f'fill="{_ANSWER}"'
            if open_cells[cell]
            else 'font-weight="bold"'
        )
        parts.append(f'<text x="{(column + 0.5) * size:.1f}" y="{(row + 0.69) * size:.1f}" {style}>{escape(text)}</text>')
    thin = "".join(f"M{_at(k, size)} 0V{_BOARD}M0 {_at(k, size)}H{_BOARD}" for k in range(1, side))
    lines = f'<path d="{thin}" stroke-opacity="0.25"/>'
    if walls is not None:
        across = "".join(f"M{_at(a, size)} {_at(k, size)}H{_at(b, size)}" for k, a, b in wall_lines(walls[1][:-1]))
        down = "".join(f"M{_at(k, size)} {_at(a, size)}V{_at(b, size)}" for k, a, b in wall_lines(walls[0].T[:-1]))
        lines += f'<path d="{across}{down}" stroke-opacity="0.8"/>'
    return _picture(
        f'<g font-size="{size * 0.56:.1f}" text-anchor="middle">{"".join(parts)}</g><g stroke="currentColor">{lines}</g>{_frame()}'
    )


def _maze_board(task: MazeTask, answer: Grid, given: Grid) -> str:
    size, wrong = _BOARD / task.side, task.faults(answer, given)
    parts = [
        f'<path fill="currentColor" fill-opacity="0.55" d="{_squares(np.flatnonzero(given == maze.WALL), task.side, size)}"/>',
        f'<path fill="{_ANSWER}" fill-opacity="0.8" d="{_squares(np.flatnonzero((answer == maze.PATH) & ~wrong), task.side, size)}"/>',
        f'<path fill="{_WRONG}" fill-opacity="0.8" d="{_squares(np.flatnonzero(wrong), task.side, size)}"/>',
    ]
    for value, letter in ((maze.START, "S"), (maze.GOAL, "G")):
        for cell in np.flatnonzero(given == value).tolist():
            x, y = (cell % task.side + 0.5) * size, (cell // task.side + 0.8) * size
            parts.append(
                f'<text x="{x:.1f}" y="{y:.1f}" font-size="{max(9.0, size * 0.9):.1f}" font-weight="bold" text-anchor="middle">{letter}</text>'
            )
    width, height = task.columns * size, task.rows * size
    return _picture("".join(parts) + _frame(width, height), width, height)


def _arc_board(answer: Grid) -> str:
    grid = arc.grid_on(answer)
    if not grid.size:
        return _picture('<text x="50%" y="50%" text-anchor="middle" font-size="13">no grid</text>' + _frame())
    rows, columns = grid.shape
    size = _BOARD / max(rows, columns)
    parts = [
        f'<path fill="{colour}" d="{_squares(np.flatnonzero(grid.ravel() == number), columns, size)}"/>'
        for number, colour in enumerate(arc.PALETTE)
        if (grid == number).any()
    ]
    return _picture("".join(parts) + _frame(columns * size, rows * size), columns * size, rows * size)


def _frame(width: float = _BOARD, height: float = _BOARD) -> str:
    return (
        f'<rect x="0.5" y="0.5" width="{width - 1:.1f}" height="{height - 1:.1f}" fill="none" stroke="currentColor" stroke-opacity="0.8"/>'
    )


def _at(line: int, size: float) -> str:
    return f"{line * size:.1f}"


def _squares(cells: Iterable[int], columns: int, size: float) -> str:
    return "".join(f"M{_at(int(c) % columns, size)} {_at(int(c) // columns, size)}h{size:.2f}v{size:.2f}h-{size:.2f}z" for c in cells)


def _picture(content: str, width: float = _BOARD, height: float = _BOARD) -> str:
    return f'<svg width="{width:.0f}" height="{height:.0f}" role="img" aria-label="final board" fill="currentColor">{content}</svg>'


# The curves ---------------------------------------------------------------------------------------------------------------


def _plot(trace: TraceArrays, title: str, series: Sequence[tuple[str, str, Floats]], *, log: bool = False) -> str:
    """Curves over the steps. `series`: a name, a colour and numbers (N,) each; NaN is left out."""
    count = len(trace)
    values = np.concatenate([numbers for _, _, numbers in series])
    shown = values[np.isfinite(values) & (values > 0)] if log else values[np.isfinite(values)]
    low, high = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 1.0)
    low = low if log else 0.0
    bottom, top = (np.log10(low), np.log10(high)) if log and len(shown) else (low, high)
    span = float(top - bottom) or 1.0

    def x(step: float) -> str:
        return f"{_LEFT + (step + 0.5) * _WIDTH / count:.1f}"

    def y(number: float) -> str:
        return f"{_TOP + _HEIGHT * (1 - (number - bottom) / span):.1f}"

    parts = [f'<text x="{_LEFT}" y="11">{escape(title)}</text>']
    if trace.segments <= _MOST_SEGMENTS:
        starts = np.flatnonzero(np.diff(trace.segment)) + 0.5
        lines = "".join(f"M{x(start)} {_TOP}v{_HEIGHT}" for start in starts.tolist())
        parts.append(f'<path d="{lines}" stroke="currentColor" stroke-opacity="0.15"/>')
    parts.append(f'<path d="M{_LEFT} {_TOP}v{_HEIGHT}h{_WIDTH}" stroke="currentColor" stroke-opacity="0.5" fill="none"/>')
    for number, place in ((high, _TOP + 9), (low, _TOP + _HEIGHT)):
        parts.append(f'<text x="{_LEFT - 4}" y="{place}" text-anchor="end">{number:.3g}</text>')
    for k, (name, colour, numbers) in enumerate(series):
        steps = np.flatnonzero(np.isfinite(numbers) & (numbers > 0) if log else np.isfinite(numbers))
        steps = np.unique(np.append(steps[:: max(1, -(-len(steps) // _MOST_POINTS))], steps[-1:])).astype(int)
        heights = np.log10(numbers[steps]) if log else numbers[steps]
        points = " ".join(f"{x(step)},{y(height)}" for step, height in zip(steps.tolist(), heights.tolist(), strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round"/>')
        if name:
            parts.append(
                f'<text x="{_LEFT + _WIDTH - 18 * (len(series) - k) + 8}" y="11" fill="{colour}" font-weight="bold">{escape(name)}</text>'
            )
    return (
        f'<svg width="{_LEFT + _WIDTH + 4}" height="{_TOP + _HEIGHT + 6}" role="img" aria-label="{escape(title)}" font-size="11"'
        f' fill="currentColor" style="display:block;margin-top:8px">{"".join(parts)}</svg>'
    )

"""Numbers with their units, as people read them."""

from __future__ import annotations

from hrm_model.config import EVERY_SIZE, ModelConfig


def duration(seconds: float | None) -> str:
    """'12 s', '3 min 20 s', '2 h 5 min', '3 days 4 h'; '' for None."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    return f"{hours // 24} days" + (f" {hours % 24} h" if hours % 24 and hours < 240 else "")


def about(seconds: float) -> str:
    """A rounded duration, for estimates: '15 minutes'."""
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds")):
        if seconds >= 1.5 * unit or unit == 1:
            count = seconds / unit
            rounded = round(count) if count < 10 else round(count / 5) * 5
            return f"{rounded:,} {name}" if rounded != 1 else f"1 {name.removesuffix('s')}"
    return ""


def size(count: float) -> str:
    """Bytes: '640 kB', '12 MB', '1.4 GB'."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            number = count / unit
            return f"{number:.1f} {name}" if number < 10 else f"{number:,.0f} {name}"
    return f"{count:.0f} bytes"


def count(number: float) -> str:
    """'27.3 M', '432 k', '960'."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            short = number / unit
            return f"{short:.1f} {name}" if short < 100 else f"{short:.0f} {name}"
    return f"{number:.0f}"


def share(value: float | None, digits: int = 1) -> str:
    """'98.5 %'; '–' for None."""
    return "–" if value is None or value != value else f"{100 * value:.{digits}f} %"


def puzzles_read(config: ModelConfig) -> str:
    """'Sudoku 9×9', 'Sudoku of every size', 'mazes of every size', 'ARC 30×30', '100 cells'."""
    if EVERY_SIZE.get(config.mixer) == "maze":
        return "mazes of every size"
    if EVERY_SIZE.get(config.mixer) == "sudoku":
        return "Sudoku of every size"
    if config.task == "unknown":
        return f"{config.seq_len} cells"
    names = [task.partition("-") for task in config.tasks]
    sizes = ", ".join(size.replace("x", "×") for _, _, size in names)
    kind = {"sudoku": "Sudoku", "maze": "Maze", "arc": "ARC"}[names[0][0]]
    return f"{kind} {sizes or '30×30'}"

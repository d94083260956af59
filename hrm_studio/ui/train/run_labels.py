"""How a run is described everywhere: name, state, colour, facts."""

from __future__ import annotations

import datetime
import re

from hrm_studio.units import duration, share, size
from trainer.runs.summary import RunSummary

# state: label, palette colour, and a sign for people who cannot tell the colours apart
STATES = {
    "new": ("not started", "muted", "○"),
    "starting": ("starting", "accent", "◔"),
    "running": ("training", "accent", "▶"),
    "paused": ("paused", "warning", "❚❚"),
    "stopped": ("stopped", "muted", "■"),
    "finished": ("finished", "right", "✔"),
    "failed": ("failed", "wrong", "✖"),
    "diverged": ("diverged", "wrong", "✖"),
    "killed": ("interrupted", "wrong", "✖"),
    "unknown": ("unknown", "warning", "?"),
    "unreadable": ("unreadable", "wrong", "✖"),
}


_DATE = re.compile(r"^\d{4}-\d\d-\d\d-")


def short_name(summary: RunSummary) -> str:
    """A run's name without the date and preset, which its row shows anyway: '2026-11-24-sudoku-4x4-swift-otter' → 'swift-otter'."""
    name = _DATE.sub("", summary.name)
    short = name.removeprefix(f"{summary.preset}-") if summary.preset else name
    return short or summary.name


def began(summary: RunSummary) -> str:
    """'24 Nov', or '14:05' if it was today."""
    if not summary.created:
        return ""
    then = datetime.datetime.fromtimestamp(summary.created)
    return f"{then:%H:%M}" if then.date() == datetime.date.today() else f"{then.day} {then:%b}"


def state_words(summary: RunSummary) -> str:
    return STATES.get(summary.state, (summary.state, "muted", ""))[0]


def state_colour(summary: RunSummary) -> str:
    """The name of a palette colour."""
    return STATES.get(summary.state, ("", "muted", ""))[1]


def state_sign(summary: RunSummary) -> str:
    return STATES.get(summary.state, ("", "", "·"))[2]


def facts(summary: RunSummary) -> list[str]:
    """Progress, what ends the run and when, speed and device: the parts of the header line."""
    found = []
    if summary.state == "starting" and not summary.step:
        found.append("preparing puzzles and starting …")
    elif summary.steps:
        found.append(f"step {summary.step:,} of {summary.steps:,}")
    if summary.evaluating is not None:
        found.append(f"evaluating {summary.evaluating[0]:,} of {summary.evaluating[1]:,} puzzles")
    if summary.eta_seconds is not None and summary.state == "running":
        if 0 < summary.last_step < summary.steps:
            found.append(f"its time limit ends it in {duration(summary.eta_seconds)}, near step {_about(summary.last_step):,}")
        else:
            found.append(f"{duration(summary.eta_seconds)} left at most")
    if summary.live and summary.steps_per_second:
        found.append(
            f"{summary.steps_per_second:.1f} steps/s" if summary.steps_per_second < 100 else f"{summary.steps_per_second:.0f} steps/s"
        )
    if summary.seconds:
        found.append(f"{duration(summary.seconds)} of computing")
    if summary.device:
        found.append(summary.device)
    return found


def _about(step: int) -> int:
    """To two digits: more would be a guess."""
    return int(float(f"{step:.2g}"))


def details(summary: RunSummary) -> str:
    """All facts about a run, for its tooltip."""
    lines = [summary.name, f"{state_words(summary)}, step {summary.step:,} of {summary.steps:,}"]
    if summary.best is not None:
        lines.append(f"best: {share(summary.best)} of unseen puzzles, at step {summary.best_step:,}")
    lines.append(
        f"preset {summary.preset or '–'}, task {summary.task or '–'}, {duration(summary.seconds)} of computing, {size(summary.size)} on disk"
    )
    if summary.message:
        lines.append(summary.message)
    return "\n".join([*lines, str(summary.path)])

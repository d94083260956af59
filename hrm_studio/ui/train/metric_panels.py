"""Which curves stand in which plot: the one table behind the plots of a run. Metrics that it does not know get a plot of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trainer.runs.log import RunLog


@dataclass(frozen=True)
class Series:
    """One curve: a column of a RunLog's table."""

    table: str  # metrics, evaluations, machine
    column: str
    label: str
    dots: bool = False  # few points, each of them an event of its own
    band: tuple[str, str] | None = None  # columns of its confidence interval


@dataclass(frozen=True)
class Panel:
    """One plot."""

    title: str
    tip: str
    series: tuple[Series, ...]
    log: bool = False  # logarithmic where the settings say so
    share: bool = False  # between 0 and 1, told in percent
    unit: str = ""
    scale: float = 1.0  # what a value is multiplied by to be told
    smooth: bool = True  # whether smoothing tells more than it hides
    always: bool = False  # there even without data

    @property
    def heading(self) -> str:
        """The title with what its values are told in."""
        unit = "%" if self.share else self.unit.strip()
        return f"{self.title}, {unit}" if unit and unit != "/s" else self.title

    @property
    def columns(self) -> set[tuple[str, str]]:
        return {(s.table, s.column) for s in self.series}


def _metrics(*columns: tuple[str, str]) -> tuple[Series, ...]:
    return tuple(Series("metrics", column, label) for column, label in columns)


SOLVED = Panel(
    "solved",
    "Share of puzzles with every cell right. Dots: puzzles the model has never trained on, with the 95 % interval that so few leave; "
    "thin line: training examples as they end.",
    (Series("evaluations", "exact_accuracy", "unseen", True, ("low", "high")), Series("metrics", "exact_accuracy", "training")),
    share=True,
    always=True,
)
PANELS = (
    Panel(
        "loss",
        "Cross entropy of the cells, and of the Q head's judgement of halting (and of continuing, where that is learned).",
        _metrics(("lm_loss", "cells"), ("q_halt_loss", "halt"), ("q_continue_loss", "continue"), ("loss", "total")),
        log=True,
        always=True,
    ),
    SOLVED,
    Panel(
        "cells right",
        "Share of single cells that are right. It may be high long before the first whole puzzle is.",
        (Series("evaluations", "accuracy", "unseen", True), Series("metrics", "accuracy", "training")),
        share=True,
        always=True,
    ),
    Panel(
        "segments until halting",
        "How long the model thinks before it halts. It falls as puzzles are solved sooner.",
        (Series("evaluations", "mean_segments", "unseen", True), Series("metrics", "steps", "training")),
        always=True,
    ),
    Panel("halting judged right", "Share of examples where q_halt tells right answers from wrong ones.", _metrics(("q_halt_accuracy", "")), share=True),
    Panel("learning rate", "As scheduled, the phase's factor counted.", _metrics(("lr", "")), log=True, smooth=False),
    Panel("gradient norm", "Length of the gradient before clipping. Sudden jumps announce trouble.", _metrics(("grad_norm", "")), log=True),
    Panel("weight norm", "Length of all weights together.", _metrics(("weight_norm", "")), smooth=False),
    Panel("examples per second", "How fast it trains; evaluations and pauses are left out.", _metrics(("examples_per_second", "")), unit="/s"),
    Panel(
        "machine load",
        "Of the machine that trains: processor, main memory and, with an NVIDIA driver, the graphics card.",
        tuple(Series("machine", c, n) for c, n in (("cpu", "CPU"), ("memory", "memory"), ("gpu", "GPU"), ("gpu_memory", "GPU memory"))),
        share=True,
    ),
    Panel(
        "memory taken",
        "By the trainer's process, and of the graphics card.",
        tuple(Series("machine", c, n) for c, n in (("process_memory", "process"), ("gpu_memory_bytes", "GPU"))),
        scale=1e-9,
        smooth=False,
        unit=" GB",
    ),
    Panel("power", "Drawn by the graphics card.", (Series("machine", "power", ""),), unit=" W"),
)  # fmt: skip
_KNOWN = {column for panel in PANELS for table, column in panel.columns if table == "metrics"} | {
    "step", "time", "seconds", "examples", "phase", "count", "epoch",
}  # fmt: skip


def panels_of(logs: Iterable[RunLog]) -> list[Panel]:
    """The panels that these logs have something for, and those that are always there."""
    kept = list(logs)
    there = {(name, column) for log in kept for name in ("metrics", "evaluations", "machine") for column in getattr(log, name).names}
    found = [panel for panel in PANELS if panel.always or panel.columns & there]
    unknown = sorted(column for table, column in there if table == "metrics" and column not in _KNOWN)
    return found + [Panel(name.replace("_", " "), f"{name}, as the trainer tells it.", _metrics((name, ""))) for name in unknown]


def series_of(panel: Panel, log: RunLog, alone: bool) -> tuple[Series, ...]:
    """The panel's curves of one run. A run that is looked at alone shows each evaluation set."""
    if panel is SOLVED and alone:
        sets = [name.removeprefix("exact/") for name in log.evaluations.names if name.startswith("exact/")]
        if len(sets) > 1:
            each = tuple(Series("evaluations", f"exact/{s}", s, True, (f"low/{s}", f"high/{s}")) for s in sets)
            return (*each, panel.series[1])
    return tuple(s for s in panel.series if s.column in getattr(log, s.table))

"""Which curves go into which plot. Metrics that are not listed here get a plot of their own."""

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
    dots: bool = False  # few points, each one an evaluation
    band: tuple[str, str] | None = None  # columns of its confidence interval


@dataclass(frozen=True)
class MetricPanel:
    """One plot."""

    title: str
    tip: str
    series: tuple[Series, ...]
    log: bool = False  # logarithmic if the toolbar says so
    share: bool = False  # between 0 and 1, shown in percent
    unit: str = ""
    scale: float = 1.0  # factor from a value to the number shown
    smooth: bool = True  # whether smoothing helps
    always: bool = False  # shown even without data

    @property
    def heading(self) -> str:
        """The title with the unit of the values."""
        unit = "%" if self.share else self.unit.strip()
        return f"{self.title}, {unit}" if unit and unit != "/s" else self.title

    @property
    def columns(self) -> set[tuple[str, str]]:
        return {(s.table, s.column) for s in self.series}


def _metrics(*columns: tuple[str, str]) -> tuple[Series, ...]:
    return tuple(Series("metrics", column, label) for column, label in columns)


SOLVED = MetricPanel(
    "solved",
    "Share of puzzles with every cell right. Dots: unseen puzzles, never trained on, with the 95 % interval for so few; "
    "thin line: training examples when they finish.",
    (Series("evaluations", "exact_accuracy", "unseen", True, ("low", "high")), Series("metrics", "exact_accuracy", "training")),
    share=True,
    always=True,
)
PANELS = (
    MetricPanel(
        "loss",
        "Cross entropy of the cells and of the Q head, which learns when to halt (and when to continue, if that is trained).",
        _metrics(("lm_loss", "cells"), ("q_halt_loss", "halt"), ("q_continue_loss", "continue"), ("loss", "total")),
        log=True,
        always=True,
    ),
    SOLVED,
    MetricPanel(
        "cells right",
        "Share of single cells that are right. It can be high long before a whole puzzle is solved.",
        (Series("evaluations", "accuracy", "unseen", True), Series("metrics", "accuracy", "training")),
        share=True,
        always=True,
    ),
    MetricPanel(
        "segments until halting",
        "How many segments the model uses before it halts. It falls as puzzles are solved sooner.",
        (Series("evaluations", "mean_segments", "unseen", True), Series("metrics", "steps", "training")),
        always=True,
    ),
    MetricPanel("halting accuracy", "Share of examples for which q_halt predicts correctly whether the answer is right.", _metrics(("q_halt_accuracy", "")), share=True),
    MetricPanel("learning rate", "The schedule times the factor of the current phase.", _metrics(("lr", "")), log=True, smooth=False),
    MetricPanel("gradient norm", "Norm of the gradient before clipping. A sudden jump is a warning sign.", _metrics(("grad_norm", "")), log=True),
    MetricPanel("weight norm", "Norm of all weights together.", _metrics(("weight_norm", "")), smooth=False),
    MetricPanel("examples per second", "Training speed, without evaluations and pauses.", _metrics(("examples_per_second", "")), unit="/s"),
    MetricPanel(
        "machine load",
        "CPU and memory of the training machine, and its GPU if it has an NVIDIA driver.",
        tuple(Series("machine", c, n) for c, n in (("cpu", "CPU"), ("memory", "memory"), ("gpu", "GPU"), ("gpu_memory", "GPU memory"))),
        share=True,
    ),
    MetricPanel(
        "memory used",
        "Memory of the trainer process and of the GPU.",
        tuple(Series("machine", c, n) for c, n in (("process_memory", "process"), ("gpu_memory_bytes", "GPU"))),
        scale=1e-9,
        smooth=False,
        unit=" GB",
    ),
    MetricPanel("power", "Power draw of the GPU.", (Series("machine", "power", ""),), unit=" W"),
)  # fmt: skip
_KNOWN = {column for panel in PANELS for table, column in panel.columns if table == "metrics"} | {
    "step", "time", "seconds", "examples", "phase", "count", "epoch",
}  # fmt: skip


def panels_of(logs: Iterable[RunLog]) -> list[MetricPanel]:
    """The panels that have data in these logs, and those that are always shown."""
    kept = list(logs)
    there = {(name, column) for log in kept for name in ("metrics", "evaluations", "machine") for column in getattr(log, name).names}
    found = [panel for panel in PANELS if panel.always or panel.columns & there]
    unknown = sorted(column for table, column in there if table == "metrics" and column not in _KNOWN)
    return found + [MetricPanel(name.replace("_", " "), f"{name}, as reported by the trainer.", _metrics((name, ""))) for name in unknown]


def series_of(panel: MetricPanel, log: RunLog, alone: bool) -> tuple[Series, ...]:
    """The panel's curves of one run. If it is the only run, there is one curve per evaluation set."""
    if panel is SOLVED and alone:
        sets = [name.removeprefix("exact/") for name in log.evaluations.names if name.startswith("exact/")]
        if len(sets) > 1:
            each = tuple(Series("evaluations", f"exact/{s}", s, True, (f"low/{s}", f"high/{s}")) for s in sets)
            return (*each, panel.series[1])
    return tuple(s for s in panel.series if s.column in getattr(log, s.table))

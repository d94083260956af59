"""Estimates what a run takes on this machine: from measured steps, or from sizes alone."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hrm_model.config import parameter_count
from hrm_model.files import atomic_write
from hrm_model.folders import home
from trainer.config import RunConfig

_BYTES_EACH = 20  # bytes of a checkpoint for each parameter: weights, averaged weights, training weights and two moments
# The settings that a step's time and memory depend on.
_COSTLY = {"task", "model", "phases", "batch_size", "micro_batch", "optimizer", "loss", "q_continue", "ema", "puzzle_emb_lr", "threads", "device", "dtype",
           "compile", "evaluation_segments"}  # fmt: skip


@dataclass(frozen=True)
class MeasuredCost:
    """What `python -m trainer --measure` found."""

    seconds_per_step: float  # of the whole batch, at the finished model's depth
    seconds_per_puzzle: float  # of an evaluation
    memory: int  # bytes of the whole process at most
    checkpoint: int  # bytes
    device: str


def cost_of(answer: Mapping[str, Any]) -> MeasuredCost:
    """What `python -m trainer --measure` printed last, if that is no error."""
    return MeasuredCost(
        seconds_per_step=answer["seconds_per_step"], seconds_per_puzzle=answer["seconds_per_puzzle"], memory=answer["memory_bytes"],
        checkpoint=answer["checkpoint_bytes"], device=answer["device"],
    )  # fmt: skip


def slow_row(config: RunConfig, answer: Mapping[str, Any]) -> str:
    """What is known if the measuring process was ended before it had done a step: it prints what one example takes first. '' without that."""
    seconds = answer.get("row_seconds")
    if not isinstance(seconds, int | float):
        return ""
    return (
        f"a step takes too long to measure; one example takes about {seconds:.0f} s, so a step of {config.batch_size:,} about "
        f"{seconds * config.batch_size / 60:,.0f} minutes"
    )


def cost_key(config: RunConfig) -> str:
    """A key for measurements: this machine, and all settings that cost time or memory."""
    costly = config.model_dump(mode="json", include=_COSTLY)
    text = json.dumps([platform.node(), platform.machine(), costly], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def run_seconds(config: RunConfig, measured: MeasuredCost) -> float:
    """Computing time of the whole run with its evaluations, if it does not stop early."""
    training = config.steps * measured.seconds_per_step
    if config.minutes:
        training = min(training, 60 * config.minutes)
    puzzles = sum(s.count for s in config.evaluation) + (config.dataset_test if config.dataset else 0)
    steps = training / measured.seconds_per_step if measured.seconds_per_step else config.steps
    return training + max(1.0, steps / config.evaluate_every) * puzzles * measured.seconds_per_puzzle


def disk_bytes(config: RunConfig, measured: MeasuredCost | None = None) -> int:
    """Bytes of all checkpoints on disk, with the one that is being written."""
    one = measured.checkpoint if measured is not None and measured.checkpoint else _BYTES_EACH * parameter_count(config.model)
    # Besides the newest: the best, the one being written, and those at the 1st, 2nd, 4th, 8th … multiple.
    doublings = max(0, int(math.log2(max(1, config.steps // config.checkpoint_every)))) + 1
    return (config.keep_checkpoints + 2 + doublings) * one


def estimates_file() -> Path:
    """Where measurements are kept."""
    return home() / "estimates.json"


def known_costs(file: Path) -> dict[str, MeasuredCost]:
    """What was measured before, by `cost_key`; {} without the file, or if it is damaged."""
    try:
        return from_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def keep_cost(file: Path, key: str, cost: MeasuredCost) -> None:
    """Add a measurement. If the file cannot be written, it is measured again next time."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file, "w", sync=False) as stream:
            stream.write(to_json(known_costs(file) | {key: cost}))


def to_json(found: dict[str, MeasuredCost]) -> str:
    return json.dumps({name: asdict(measured) for name, measured in found.items()}, indent=1)


def from_json(text: str) -> dict[str, MeasuredCost]:
    """Read what `to_json` wrote; {} if it is damaged or of another version."""
    try:
        return {name: MeasuredCost(**fields) for name, fields in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return {}

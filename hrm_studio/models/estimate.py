"""What a run of a configuration will take on this machine: worked out from a short real run, or from sizes alone where there was none."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from dataclasses import asdict, dataclass
from typing import Any

from hrm_model.config import parameter_count
from trainer.config import RunConfig

PROBE_SECONDS = 4.0  # computing time of a probe
_LARGE = 3_000_000  # parameters from which a probe works on a few examples only
_FEW = 4  # examples a large model's probe works on at once
_BYTES_EACH = 20  # of a checkpoint for each parameter: weights, averaged weights, training weights, two moments


@dataclass(frozen=True)
class Measured:
    """What a probe found."""

    seconds_per_step: float  # of the whole batch, at the finished model's depth
    seconds_per_puzzle: float  # of an evaluation
    memory: int  # bytes at most, the whole process
    checkpoint: int  # bytes
    device: str


def probe_config(config: RunConfig) -> RunConfig:
    """A few seconds of this configuration: its model at full depth on few puzzles, one small evaluation, nothing else."""
    changes: dict[str, Any] = {
        "steps": 1_000_000, "minutes": PROBE_SECONDS / 60, "stop_at_exact": None, "phases": (), "model": config.final_model, "log_every": 1,
        "evaluate_every": 1_000_000, "checkpoint_every": 1_000_000, "keep_checkpoints": 1, "probe_puzzles": 0, "batch_size": probe_batch(config),
    }  # fmt: skip
    if config.puzzles:
        easiest = max(config.puzzles, key=lambda s: s.clues or 0)
        changes["puzzles"] = (easiest.model_copy(update={"count": min(64, easiest.count)}),)
    if config.evaluation:
        easiest = max(config.evaluation, key=lambda s: s.clues or 0)
        changes["evaluation"] = (easiest.model_copy(update={"count": min(32, easiest.count)}),)
    return config.model_copy(update=changes)


def probe_batch(config: RunConfig) -> int:
    """Examples that the probe works on at once; its time is taken to grow in proportion to them."""
    return min(config.batch_size, _FEW) if parameter_count(config.model) > _LARGE else config.batch_size


def key(config: RunConfig) -> str:
    """What measurements depend on: this machine and all of the configuration that costs time."""
    probed = probe_config(config).model_dump(mode="json", exclude={"seed", "preset", "lr", "steps"})
    text = json.dumps([platform.node(), platform.machine(), config.batch_size, probed], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def seconds_of(config: RunConfig, measured: Measured) -> float:
    """Computing time of the whole run, evaluations counted, as if no early stop came."""
    training = config.steps * measured.seconds_per_step
    if config.minutes:
        training = min(training, 60 * config.minutes)
    puzzles = sum(s.count for s in config.evaluation)
    steps = training / measured.seconds_per_step if measured.seconds_per_step else config.steps
    return training + max(1.0, steps / config.evaluate_every) * puzzles * measured.seconds_per_puzzle


def disk_of(config: RunConfig, measured: Measured | None = None) -> int:
    """Bytes of the checkpoints that are kept, with the one that is being written."""
    one = measured.checkpoint if measured is not None and measured.checkpoint else _BYTES_EACH * parameter_count(config.model)
    # Beside the newest ones: the best, the one that is being written, and those of the 1st, 2nd, 4th, 8th … multiple.
    doublings = max(0, int(math.log2(max(1, config.steps // config.checkpoint_every)))) + 1
    return (config.keep_checkpoints + 2 + doublings) * one


def to_json(found: dict[str, Measured]) -> str:
    return json.dumps({name: asdict(measured) for name, measured in found.items()}, indent=1)


def from_json(text: str) -> dict[str, Measured]:
    """What `to_json` wrote; {} where it is damaged or of another version."""
    try:
        return {name: Measured(**fields) for name, fields in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return {}

"""What a run of a configuration will take on this machine: worked out from some real steps, or from sizes alone where there were none."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from dataclasses import asdict, dataclass

from hrm_model.config import parameter_count
from trainer.config import RunConfig

_BYTES_EACH = 20  # of a checkpoint for each parameter: weights, averaged weights, training weights, two moments
# What a step's time and memory depend on.
_COSTLY = {"task", "model", "phases", "batch_size", "micro_batch", "optimizer", "loss", "q_continue", "ema", "puzzle_emb_lr", "threads", "device", "dtype",
           "compile", "evaluation_segments"}  # fmt: skip


@dataclass(frozen=True)
class MeasuredCost:
    """What a probe found."""

    seconds_per_step: float  # of the whole batch, at the finished model's depth
    seconds_per_puzzle: float  # of an evaluation
    memory: int  # bytes at most, the whole process
    checkpoint: int  # bytes
    device: str


def cost_key(config: RunConfig) -> str:
    """What measurements depend on: this machine and all of the configuration that costs time."""
    costly = config.model_dump(mode="json", include=_COSTLY)
    text = json.dumps([platform.node(), platform.machine(), costly], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def run_seconds(config: RunConfig, measured: MeasuredCost) -> float:
    """Computing time of the whole run, evaluations counted, as if no early stop came."""
    training = config.steps * measured.seconds_per_step
    if config.minutes:
        training = min(training, 60 * config.minutes)
    puzzles = sum(s.count for s in config.evaluation) + (config.dataset_test if config.dataset else 0)
    steps = training / measured.seconds_per_step if measured.seconds_per_step else config.steps
    return training + max(1.0, steps / config.evaluate_every) * puzzles * measured.seconds_per_puzzle


def disk_bytes(config: RunConfig, measured: MeasuredCost | None = None) -> int:
    """Bytes of the checkpoints that are kept, with the one that is being written."""
    one = measured.checkpoint if measured is not None and measured.checkpoint else _BYTES_EACH * parameter_count(config.model)
    # Beside the newest ones: the best, the one that is being written, and those of the 1st, 2nd, 4th, 8th … multiple.
    doublings = max(0, int(math.log2(max(1, config.steps // config.checkpoint_every)))) + 1
    return (config.keep_checkpoints + 2 + doublings) * one


def to_json(found: dict[str, MeasuredCost]) -> str:
    return json.dumps({name: asdict(measured) for name, measured in found.items()}, indent=1)


def from_json(text: str) -> dict[str, MeasuredCost]:
    """What `to_json` wrote; {} where it is damaged or of another version."""
    try:
        return {name: MeasuredCost(**fields) for name, fields in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return {}

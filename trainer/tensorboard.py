"""A run's figures as TensorBoard files, if `tensorboard: true` asks for them (extra `tensorboard`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hrm_model.errors import RunError
from trainer.runs.events import Event


class TensorBoardWriter:
    """Writes scalars under names such as train/lm_loss, unseen/exact_accuracy, unseen/36 clues/exact, machine/gpu."""

    def __init__(self, folder: Path, step: int) -> None:
        """Figures of steps after `step`, which a killed trainer left, are hidden. RunError if TensorBoard is not installed."""
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError:
            raise RunError("tensorboard is not installed; pip install 'hrm-studio[tensorboard]', or set tensorboard: false") from None
        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def add(self, entry: Event) -> None:
        """Write the figures of an event, if it has any. OSError if the disk is full."""
        figures: dict[str, float | None] = {}
        if entry["type"] == "metrics":
            figures |= {f"train/{name}": value for name, value in entry["values"].items()}
            figures["train/examples_per_second"] = entry["examples_per_second"]
        elif entry["type"] == "machine":
            figures |= {f"machine/{name}": value for name, value in entry["values"].items()}
        elif entry["type"] == "evaluation":
            figures |= {f"unseen/{name}": value for name, value in entry["values"].items()}
            for name, found in entry["sets"].items():
                figures |= {f"unseen/{name}/exact": found["exact"], f"unseen/{name}/cells": found["cells"]}
                figures[f"unseen/{name}/mean_segments"] = found["mean_segments"]
        for name, value in figures.items():
            if value is not None:
                self._writer.add_scalar(name, value, entry["step"], walltime=entry["time"])

    def close(self) -> None:
        self._writer.close()

"""A run's figures as TensorBoard event files, for those who ask for them (`tensorboard: true`; extra `tensorboard`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hrm_model.errors import RunError
from trainer.runs.events import Event


class TensorBoardWriter:
    """Writes scalars under names such as train/lm_loss, unseen/exact_accuracy, unseen/36 clues/exact, machine/gpu."""

    def __init__(self, folder: Path, step: int) -> None:
        """Figures of steps after `step`, which a killed process left, are taken back. RunError where TensorBoard is not installed."""
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError:
            raise RunError("tensorboard is not installed; pip install 'hrm-studio[tensorboard]', or set tensorboard: false") from None
        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def add(self, entry: Event) -> None:
        """Take in one event; of those that hold no figures, nothing. OSError where the disk is full."""
        group = {"metrics": "train", "evaluation": "unseen", "machine": "machine"}.get(entry["type"])
        if group is None:
            return
        figures = {f"{group}/{name}": value for name, value in (entry.get("values") or {}).items()}
        if entry["type"] == "metrics":
            figures["train/examples_per_second"] = entry.get("examples_per_second")
        for set_name, found in (entry.get("sets") or {}).items():
            figures |= {f"unseen/{set_name}/{name}": found[name] for name in ("exact", "cells", "mean_segments")}
        for name, value in figures.items():
            if value is not None:
                self._writer.add_scalar(name, value, entry["step"], walltime=entry["time"])

    def close(self) -> None:
        self._writer.close()

"""A model loaded from a checkpoint, with facts about it. Importing this needs no torch; `load` does."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrm_model.errors import MismatchError
from hrm_model.tasks.base import short_name
from hrm_model.trace.data import ModelInfo

if TYPE_CHECKING:
    from hrm_model.model import HRM


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model, ready to reason. `load` makes one.

    >>> import hrm_model
    >>> model = hrm_model.load("sudoku-4x4", device="cpu")
    >>> model.name, model.task, model.q_continue
    ('sudoku-4x4', 'sudoku-4x4', False)
    >>> model.model.config.hidden_size
    64
    """

    model: HRM  # the torch module, in evaluation mode
    name: str  # of the checkpoint: 'sudoku-9x9', 'runs/…/best'
    path: Path  # the checkpoint's folder or file, or the run's folder
    weights: Path  # the file that holds the weights
    task: str  # 'sudoku-9x9', 'maze-11x11', 'arc'; 'unknown' if its sizes fit no task
    q_continue: bool  # whether it learned the continue value; if not, it halts as soon as q_halt > 0
    parameters: int  # trained numbers
    device: str  # 'cpu', 'mps', or the graphics card's name
    dtype: str  # of states and activations: 'float32' or 'bfloat16'
    attention: str  # which implementation of attention is in use
    title: str = ""  # as menus show it
    training: Mapping[str, Any] = field(default_factory=dict)  # preset, seed, step, examples, seconds, if its config.json says so
    assumed: tuple[str, ...] = ()  # 'rope_theta=10000.0': settings that no file gave

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the weights file, in hexadecimal. Computed when it is first asked for."""
        with self.weights.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @cached_property
    def info(self) -> ModelInfo:
        """The facts about the model that a trace keeps."""
        return ModelInfo(self.name, self.model.config.model_dump() | {"q_continue": self.q_continue}, self.sha256)

    def must_read(self, task: str) -> None:
        """MismatchError if the model reads other puzzles than those of this task."""
        if not self.model.config.reads(task):
            raise MismatchError(f"{self.name} reads {self.task}; the puzzle is {short_name(task)}. Choose another model or puzzle.")

    def __repr__(self) -> str:
        return f"LoadedModel({self.name!r}, task={self.task!r}, {self.parameters:,} parameters, {self.dtype} on {self.device})"


def load(name_or_path: str | Path, device: str = "auto") -> LoadedModel:
    """Load a model: a bundled one by its name, a checkpoint folder or file, a training run, or a Hub id that was downloaded.

    A Path is always a checkpoint; text is a path if something is there, else a name.
    `device`: 'cpu', 'cuda:0', 'mps', or 'auto' for the best there is. `hrm-studio models` lists the bundled models.
    Raises CheckpointError, HubError or DeviceError.

    >>> import hrm_model
    >>> hrm_model.load("sudoku-4x4", device="cpu")
    LoadedModel('sudoku-4x4', task='sudoku-4x4', 108,162 parameters, float32 on cpu)
    """
    # Imported here: torch takes a second, and whoever only names LoadedModel does not need it.
    from hrm_model.assets import find_model
    from hrm_model.checkpoint.format import load_inspected
    from hrm_model.checkpoint.inspect import inspect
    from hrm_model.checkpoint.locate import short_name
    from hrm_model.device import describe

    path = name_or_path if isinstance(name_or_path, Path) else find_model(name_or_path)
    found = inspect(path)
    model, extra = load_inspected(found, None if device == "auto" else device), found.given.extra
    training = extra.get("training")
    return LoadedModel(
        model,
        name=short_name(path),
        path=path,
        weights=found.files.weights,
        task=model.config.task,
        q_continue=bool(extra.get("q_continue", True)),
        parameters=sum(p.numel() for p in model.parameters()),
        title=str(extra.get("title", short_name(path))),
        training=training if isinstance(training, dict) else {},
        assumed=tuple(f"{setting.name}={setting.value}" for setting in found.inferred if setting.assumed),
        **describe(model),
    )

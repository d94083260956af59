"""Which model reasons, and on what device."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Signal

from hrm_model.assets import BundledModel
from hrm_model.checkpoint.locate import short_name
from hrm_model.config import ModelConfig


class ModelChoice(QObject):
    """The models that can be chosen, the one in use, and the device.

    Signals
    -------
    changed()   another model, device, or list of either
    picked()    a person chose another model or device: reason again
    """

    changed = Signal()
    picked = Signal()

    def __init__(self, models: list[BundledModel], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.bundled = models
        self.others: list[Path] = []  # opened from disk, oldest first
        self.configs: dict[Path, ModelConfig] = {}  # of checkpoints that were inspected or loaded
        self.path: Path | None = models[0].path if models else None
        self.foreign = ""  # the model of the trace on the board, if it is not here
        self._good = self.path  # the last one that was loaded
        self.device = "auto"
        self.devices = ["auto"]

    def use(self, path: Path) -> None:
        """Use this model from now on."""
        if self.bundled_as(path) is None and path not in self.others:
            self.others.append(path)
        self.path = path
        self.changed.emit()

    def restore(self, settings: QSettings) -> None:
        """Choose the model of the last session, if it is still there."""
        stored = settings.value("model")
        if isinstance(stored, str) and stored and Path(stored).exists():
            self.use(Path(stored))

    def save(self, settings: QSettings) -> None:
        """Keep the choice for the next session."""
        settings.setValue("model", str(self.path) if self.path is not None else "")

    def pick(self, path: Path) -> None:
        """Like `use`, for a choice by a person."""
        self.use(path)
        self.picked.emit()

    def loaded(self, path: Path, config: ModelConfig) -> None:
        """Remember that this model could be loaded, and what it is."""
        self._good = path
        self.configs[path] = config

    def revert(self) -> None:
        """The chosen model cannot be loaded: go back to the last one that could."""
        if self.path != self._good:
            if self.path in self.others:
                self.others.remove(self.path)
            self.path = self._good
            self.changed.emit()

    def set_foreign(self, name: str) -> None:
        """The board shows a trace by a model that is not here; '' if it is the one in use."""
        if name != self.foreign:
            self.foreign = name
            self.changed.emit()

    def pick_device(self, device: str) -> None:
        if device != self.device:
            self.device = device
            self.changed.emit()
            self.picked.emit()

    def set_devices(self, devices: list[str]) -> None:
        """Set the devices of this machine; 'auto' comes first."""
        self.devices = ["auto", *devices]
        self.changed.emit()

    def bundled_as(self, path: Path | None) -> BundledModel | None:
        """The bundled model at a path, else None."""
        return next((m for m in self.bundled if m.path == path), None)

    def task_of(self, path: Path | None) -> str:
        """The task that a model was trained on; '' if that is unknown before it is loaded."""
        config = self.config_of(path)
        return config.task if config else ""

    def config_of(self, path: Path | None) -> ModelConfig | None:
        """The configuration of a bundled model, or of one that was inspected or loaded."""
        bundled = self.bundled_as(path)
        return bundled.config if bundled else self.configs.get(path) if path else None

    def may_read(self, path: Path | None, task: str) -> bool:
        """Whether a model reads the puzzles of a task; true if that is unknown before it is loaded."""
        config = self.config_of(path)
        return config is None or config.reads(task)

    def tasks(self) -> list[str]:
        """The tasks that the bundled models read."""
        return list(dict.fromkeys(task for model in self.bundled for task in model.config.tasks))

    def for_task(self, task: str) -> Path | None:
        """The first bundled model that reads a task."""
        return next((m.path for m in self.bundled if m.reads(task)), None)

    def title(self, path: Path) -> str:
        """The name of a model for menus."""
        bundled = self.bundled_as(path)
        if bundled is None and path.parent.name == "checkpoints" and path.name.removeprefix("step_").isdigit():
            return f"{path.parent.parent.name}, step {int(path.name.removeprefix('step_')):,}"  # of a run
        return bundled.title if bundled else short_name(path)

    def named(self, name: str) -> Path | None:
        """The model whose folder has this name: the one in use, a bundled one, or an opened one."""
        known = [self.path, *(model.path for model in self.bundled), *self.others]
        return next((path for path in known if path is not None and path.name == name), None)

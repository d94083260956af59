"""Makes the kind of model that a configuration describes."""

from __future__ import annotations

from hrm_model.config import ModelConfig
from hrm_model.maze_model import MazeHRM
from hrm_model.model import HRM
from hrm_model.symmetric import SymmetricHRM


def make_model(config: ModelConfig) -> HRM:
    """A new model with random weights, of whichever kind the configuration describes."""
    return {"units": SymmetricHRM, "neighbours": MazeHRM}.get(config.mixer, HRM)(config)

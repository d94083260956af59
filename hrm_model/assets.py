"""What ships with the project: trained models and puzzles. Imports neither torch nor Qt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from hrm_model.config import ModelConfig
from hrm_model.errors import CheckpointError, HubError
from hrm_model.hub.cache import from_cache
from hrm_model.hub.client import HubSettings, is_repo_id
from hrm_model.tasks.base import short_name


@dataclass(frozen=True)
class BundledModel:
    name: str
    path: Path  # a checkpoint folder
    task: str
    title: str  # for a menu
    about: str  # what it is good at, in one line, with figures of its card
    config: ModelConfig

    def reads(self, task: str) -> bool:
        """Whether it reads the puzzles of a task."""
        return self.config.reads(task)


def assets_dir() -> Path:
    """`assets/` of the checkout, or its copy inside an installed wheel."""
    package = Path(__file__).parent
    inside = package / "_assets"
    return inside if inside.is_dir() else package.parent / "assets"


def bundled_models() -> list[BundledModel]:
    """The models that ship: Sudokus, then others, each kind with the largest board first; models of one task by name.
    The one for Sudokus of every size is the last of them.

    >>> import hrm_model
    >>> sorted(model.name for model in hrm_model.bundled_models() if model.task == "sudoku-4x4")
    ['sudoku-4x4']
    """
    found = []
    for file in assets_dir().glob("models/*/config.json"):
        about = json.loads(file.read_text(encoding="utf-8"))
        model = BundledModel(
            file.parent.name,
            file.parent,
            about["task"],
            about.get("title", file.parent.name),
            about.get("about", ""),
            ModelConfig.model_validate(about["model"]),
        )
        sudoku = model.task.startswith("sudoku")
        # A model that reads Sudokus of every size is for those that have no model of their own.
        found.append(((not sudoku, sudoku and model.config.mixer == "units", -model.config.seq_len, model.name), model))
    return [model for _, model in sorted(found, key=lambda pair: pair[0])]


def model_dir(name: str) -> Path:
    """The folder of a bundled model. CheckpointError lists the names there are."""
    models = bundled_models()
    for model in models:
        if model.name == name:
            return model.path
    raise CheckpointError(f"there is no bundled model {name!r}. The bundled models are: {', '.join(m.name for m in models) or 'none'}")


def find_model(name_or_path: str) -> Path:
    """The path of a bundled model, of a checkpoint's folder or file, or of a downloaded Hub id. CheckpointError if it is none of these."""
    if Path(name_or_path).exists():
        return Path(name_or_path)
    if is_repo_id(name_or_path):
        try:
            return from_cache(name_or_path, HubSettings()).path
        except HubError as error:
            raise HubError(f"{error} (`hrm-studio models pull {name_or_path}`)", error.kind) from None
    try:
        return model_dir(name_or_path)
    except CheckpointError as error:
        raise CheckpointError(f"{name_or_path}: there is no such file or folder, and {error}") from None


def model_for_task(task: str) -> BundledModel:
    """The first bundled model for a task. CheckpointError if there is none."""
    for model in bundled_models():
        if model.reads(task):
            return model
    raise CheckpointError(f"no bundled model reads {short_name(task)}; name a checkpoint")


def puzzle_lines(name: str) -> list[str]:
    """The puzzles of assets/puzzles/NAME.txt, one a line; '#' begins a comment."""
    text = (assets_dir() / "puzzles" / f"{name}.txt").read_text(encoding="utf-8")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]

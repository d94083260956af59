"""Find, rename, continue, delete and restore runs. Imports neither torch nor Qt."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hrm_model.config import ModelConfig
from hrm_model.errors import RunError
from hrm_model.files import write_json
from hrm_model.folders import home
from trainer.config import RunConfig
from trainer.runs import lock
from trainer.runs.run_dir import LIVE, UNKNOWN, RunDir, new_run_path

TRASH = ".trash"
ORIGIN = "origin.json"  # in a continued run: the run and checkpoint that it continues
# The settings of a model that change no weight's shape.
CHANGEABLE = {"H_cycles", "L_cycles", "gradient", "halt_max_steps", "halt_exploration_prob", "forward_dtype", "rms_norm_eps"}


def runs_folder() -> Path:
    """The default folder of runs."""
    return home() / "runs"


def is_run(path: Path) -> bool:
    """Whether a folder is a run directory. One that cannot be looked into may be one, and is listed as unreadable."""
    try:
        return (path / "config.yaml").is_file()
    except PermissionError:
        return True
    except OSError:
        return False


def run_folders(root: Path) -> list[Path]:
    """The run directories in a folder, in any order. Hidden ones do not count. [] if it cannot be read."""
    try:
        return [path for path in root.iterdir() if not path.name.startswith(".") and is_run(path)]
    except OSError:
        return []


def all_runs(root: Path | None = None) -> list[RunDir]:
    """Every run in a folder, oldest first."""

    def age(path: Path) -> tuple[float, str]:
        try:
            return (path / "config.yaml").stat().st_mtime, path.name
        except OSError:
            return 0.0, path.name

    return [RunDir(path) for path in sorted(run_folders(root or runs_folder()), key=age)]


def find_run(name: str, root: Path | None = None) -> RunDir:
    """The run with this path, name, or part of a name if only one run has it; 'last' is the newest. RunError lists the runs there are."""
    path = Path(name)
    if is_run(path):
        return RunDir(path)
    runs = all_runs(root)
    if name == "last" and runs:
        return runs[-1]
    exact = [run for run in runs if run.path.name == name]
    fitting = exact or [run for run in runs if name in run.path.name]
    if len(fitting) == 1:
        return fitting[0]
    folder = root or runs_folder()
    if not runs:
        raise RunError(f"There is no run {name!r}; {folder} holds no runs yet. Train one: hrm-studio train sudoku-4x4")
    names = ", ".join(run.path.name for run in (fitting or runs)[-8:])
    if fitting:
        raise RunError(f"{name!r} matches several runs: {names}")
    raise RunError(f"no run {name!r} in {folder}; the newest are: {names}")


def _move(run: RunDir, target: Path) -> None:
    """Move the folder of a run that is not being trained. RunError if it is, or if that cannot be known.

    The run's lock is held meanwhile, so no trainer can start in between.
    """
    try:
        status = run.status()
    except RunError:
        status = {}  # damaged: the lock alone tells
    if status.get("state") == UNKNOWN:
        raise RunError(f"{run.path.name} was not moved. {status['message']}")
    if status.get("state") in LIVE:
        raise RunError(f"{run.path.name} is being trained; stop it first")
    with lock.kept_free(run.lock_file):
        run.path.rename(target)


def rename(run: RunDir, name: str) -> Path:
    """Rename the folder of a run that is not being trained. RunError if that is impossible."""
    name = name.strip()
    if not name or name.startswith(".") or any(c in name for c in '/\\:*?"<>|'):
        raise RunError(f"{name!r} cannot be a folder's name")
    target = run.path.with_name(name)
    if target != run.path:
        if target.exists():
            raise RunError(f"{target} already exists")
        _move(run, target)
    return target


def delete(run: RunDir) -> Path:
    """Move a run that is not being trained into the trash folder beside it. Returns its path there; `undelete` restores it."""
    trash = run.path.parent / TRASH
    trash.mkdir(exist_ok=True)
    place, number = trash / run.path.name, 1
    while place.exists():
        number += 1
        place = trash / f"{run.path.name}.{number}"
    _move(run, place)
    return place


def deleted_runs(root: Path | None = None) -> list[Path]:
    """The runs in the trash, in the order they were deleted."""
    return sorted(((root or runs_folder()) / TRASH).glob("*"), key=lambda path: path.stat().st_ctime_ns)


def undelete(name: str | None = None, root: Path | None = None) -> Path:
    """Restore a deleted run by its name; None: the one deleted last. RunError if there is none, or if its name is taken."""
    there = deleted_runs(root)
    fitting = [path for path in there if name is None or path.name == name or path.name.rpartition(".")[0] == name]
    if not fitting:
        raise RunError(
            f"no deleted run is named {name!r}; deleted runs: {', '.join(p.name for p in there) or 'none'}"
            if name
            else "there is no deleted run"
        )
    place = fitting[-1]
    plain, _, number = place.name.rpartition(".")
    target = place.parent.parent / (plain if number.isdigit() else place.name)
    if target.exists():
        raise RunError(f"{target} already exists; rename that run first")
    place.rename(target)
    return target


def with_changes(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """A configuration with some fields changed, by dotted names ('lr', 'model.H_cycles'). RunError names a field that is wrong."""
    values = config.model_dump(mode="json")
    for name, value in changes.items():
        place = values
        *path, last = name.split(".")
        for part in path:
            place = place.get(part, {}) if isinstance(place, dict) else {}
        if not isinstance(place, dict) or last not in place:
            raise RunError(f"there is no setting {name!r}")
        place[last] = value
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise RunError(f"{'.'.join(map(str, fault['loc'])) or 'configuration'}: {fault['msg'].removeprefix('Value error, ')}") from None


def fork(run: RunDir, config: RunConfig, *, checkpoint: str = "last", path: Path | None = None) -> RunDir:
    """A new run that continues from a checkpoint of another, with another configuration.

    `checkpoint`: 'last', 'best' or a folder's name. The new run takes over weights, average and, if the optimizer is the same, its moments;
    its clock and its best accuracy start again. RunError if the weights do not fit or no steps would be left.
    """
    folder = run.pointer(checkpoint) if checkpoint in ("last", "best") else run.checkpoints / checkpoint
    if folder is None or not folder.is_dir():
        names = ", ".join(p.name for p in run.all_checkpoints()) or "none"
        raise RunError(f"{run.path.name} has no checkpoint {checkpoint!r}; its checkpoints: {names}")
    if not (folder / "training_state.pt").is_file():
        raise RunError(f"{folder} has no training_state.pt, so no run can continue from it; choose 'last'")
    before, after = run.config().model, config.model
    for name in ModelConfig.model_fields:
        if name not in CHANGEABLE and getattr(before, name) != getattr(after, name):
            raise RunError(f"model.{name} cannot change from {getattr(before, name)} to {getattr(after, name)}: the weights would not fit")
    step = int(folder.name.removeprefix("step_"))
    if config.steps <= step:
        raise RunError(f"steps: must be more than {step:,}, the step of the checkpoint, but is {config.steps:,}")
    new = RunDir.create(path or new_run_path(config.preset or config.task, run.path.parent), config)
    try:
        shutil.copytree(folder, new.checkpoints / folder.name)
        new.point("last", new.checkpoints / folder.name)
        if (run.path / "pool.npz").is_file():
            shutil.copy2(run.path / "pool.npz", new.path)  # used if the puzzles are still the same
        write_json(new.path / ORIGIN, {"run": str(run.path.resolve()), "checkpoint": folder.name, "step": step})
    except OSError:
        shutil.rmtree(new.path, ignore_errors=True)
        raise
    return new


def origin(run: RunDir) -> dict[str, Any]:
    """The run, checkpoint and step that a run continues from; {} if it began anew."""
    try:
        found = json.loads((run.path / ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

"""What can be done with whole runs: found by name, renamed, continued with changes, deleted and brought back. Imports neither torch nor Qt."""

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
from trainer.runs.run_dir import RunDir, new_run_path

LIVE = ("starting", "running", "paused")
TRASH = ".trash"
ORIGIN = "origin.json"  # in a continued run: where it came from
# Of a model, what may change without changing the shape of any weight.
CHANGEABLE = {"H_cycles", "L_cycles", "gradient", "halt_max_steps", "halt_exploration_prob", "forward_dtype", "rms_norm_eps"}


def runs_folder() -> Path:
    """Where runs are, unless they were given a place of their own."""
    return home() / "runs"


def all_runs(root: Path | None = None) -> list[RunDir]:
    """Every run of a folder, oldest first."""
    root = root or runs_folder()
    found = [path for path in root.glob("*") if not path.name.startswith(".") and (path / "config.yaml").is_file()]
    return [RunDir(path) for path in sorted(found, key=lambda path: ((path / "config.yaml").stat().st_mtime, path.name))]


def find_run(name: str, root: Path | None = None) -> RunDir:
    """The run of that path, name, or part of a name that only one run has; 'last' is the newest. RunError lists what there is."""
    path = Path(name)
    if (path / "config.yaml").is_file():
        return RunDir(path)
    runs = all_runs(root)
    if name == "last" and runs:
        return runs[-1]
    exact = [run for run in runs if run.path.name == name]
    fitting = exact or [run for run in runs if name in run.path.name]
    if len(fitting) == 1:
        return fitting[0]
    which = ", ".join(run.path.name for run in (fitting or runs)[-8:]) or "none"
    if fitting:
        raise RunError(f"{name!r} fits several runs: {which}")
    raise RunError(f"there is no run {name!r} in {root or runs_folder()}; there are: {which}")


def require_stopped(run: RunDir) -> None:
    """RunError where a trainer is at work."""
    if run.status().get("state") in LIVE:
        raise RunError(f"{run.path.name} is being trained; stop it first")


def rename(run: RunDir, name: str) -> Path:
    """Give a run that is not live another folder name. RunError says what stands against it."""
    require_stopped(run)
    name = name.strip()
    if not name or name.startswith(".") or any(c in name for c in '/\\:*?"<>|'):
        raise RunError(f"{name!r} is no name for a folder")
    target = run.path.with_name(name)
    if target != run.path:
        if target.exists():
            raise RunError(f"{target}: is there already")
        run.path.rename(target)
    return target


def delete(run: RunDir) -> Path:
    """Move a run that is not live to the trash beside it, and give its place there; `undelete` brings it back."""
    require_stopped(run)
    trash = run.path.parent / TRASH
    trash.mkdir(exist_ok=True)
    place, number = trash / run.path.name, 1
    while place.exists():
        number += 1
        place = trash / f"{run.path.name}.{number}"
    run.path.rename(place)
    return place


def deleted_runs(root: Path | None = None) -> list[Path]:
    """What lies in the trash, the latest deleted last."""
    return sorted(((root or runs_folder()) / TRASH).glob("*"), key=lambda path: path.stat().st_ctime_ns)


def undelete(name: str | None = None, root: Path | None = None) -> Path:
    """Bring back a deleted run by its name; None: the one deleted last. RunError where there is none, or its place is taken."""
    there = deleted_runs(root)
    fitting = [path for path in there if name is None or path.name == name or path.name.rpartition(".")[0] == name]
    if not fitting:
        raise RunError(
            f"no deleted run {name!r}; there are: {', '.join(p.name for p in there) or 'none'}" if name else "no run was deleted"
        )
    place = fitting[-1]
    plain, _, number = place.name.rpartition(".")
    target = place.parent.parent / (plain if number.isdigit() else place.name)
    if target.exists():
        raise RunError(f"{target}: is there already; rename it first")
    place.rename(target)
    return target


def with_changes(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """A configuration with fields changed by dotted names ('lr', 'model.H_cycles'). RunError names what cannot be."""
    values = config.model_dump(mode="json")
    for name, value in changes.items():
        place = values
        *path, last = name.split(".")
        for part in path:
            place = place.get(part, {}) if isinstance(place, dict) else {}
        if not isinstance(place, dict) or last not in place:
            raise RunError(f"a run has no setting {name!r}")
        place[last] = value
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise RunError(f"{'.'.join(map(str, fault['loc'])) or 'configuration'}: {fault['msg'].removeprefix('Value error, ')}") from None


def fork(run: RunDir, config: RunConfig, *, checkpoint: str = "last", path: Path | None = None) -> RunDir:
    """A new run that goes on from a checkpoint of another one with a changed configuration.

    `checkpoint`: 'last', 'best' or a folder's name. Weights, averages and, where the optimizer stays, its moments come along; the clock and the
    record of the best begin anew. RunError where the weights do not fit or nothing would be left to do.
    """
    folder = run.pointer(checkpoint) if checkpoint in ("last", "best") else run.checkpoints / checkpoint
    if folder is None or not folder.is_dir():
        names = ", ".join(p.name for p in run.all_checkpoints()) or "none"
        raise RunError(f"{run.path.name} has no checkpoint {checkpoint!r}; there are: {names}")
    if not (folder / "training_state.pt").is_file():
        raise RunError(f"{folder}: holds weights without a trainer's state (training_state.pt), so no run can go on from it; choose 'last'")
    before, after = run.config().model, config.model
    for name in ModelConfig.model_fields:
        if name not in CHANGEABLE and getattr(before, name) != getattr(after, name):
            raise RunError(f"model.{name} cannot change from {getattr(before, name)} to {getattr(after, name)}: the weights would not fit")
    step = int(folder.name.removeprefix("step_"))
    if config.steps <= step:
        raise RunError(f"the checkpoint stands at step {step:,}; 'steps' must be more than that, and is {config.steps:,}")
    new = RunDir.create(path or new_run_path(config.preset or config.task, run.path.parent), config)
    try:
        shutil.copytree(folder, new.checkpoints / folder.name)
        new.point("last", new.checkpoints / folder.name)
        if (run.path / "pool.npz").is_file():
            shutil.copy2(run.path / "pool.npz", new.path)  # used where it still fits
        write_json(new.path / ORIGIN, {"run": str(run.path.resolve()), "checkpoint": folder.name, "step": step})
    except OSError:
        shutil.rmtree(new.path, ignore_errors=True)
        raise
    return new


def origin(run: RunDir) -> dict[str, Any]:
    """Where a continued run came from: run, checkpoint, step. {} for any other."""
    try:
        found = json.loads((run.path / ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

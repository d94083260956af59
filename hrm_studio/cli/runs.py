"""`hrm-studio runs`: lists, follows and controls training runs, as the page Train does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from hrm_model.errors import RunError
from hrm_studio.cli.common import AsJson, SettingChanges, plain_errors, print_json, setting_changes
from hrm_studio.services.trainer_process import start_trainer
from hrm_studio.units import duration, share, size
from trainer.runs import manage
from trainer.runs.events import Event, describe
from trainer.runs.run_dir import LIVE, UNKNOWN, RunDir
from trainer.runs.summary import RunSummary, SummaryReader, environment

runs = typer.Typer(add_completion=False, help="List, follow and control training runs.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, its name or a unique part of it, or 'last'.")]
Root = Annotated[Path | None, typer.Option("--in", help="Look for runs in this folder.")]
_PATIENCE = 60.0  # seconds to wait for the trainer's answer: it may be busy with an evaluation
_POLL = 0.1


def _summary(run: RunDir) -> RunSummary:
    reader = SummaryReader(run.path)
    reader.update(time.monotonic())
    while reader.behind:
        reader.update(time.monotonic())
    return reader.update(time.monotonic())


def _plain(summary: RunSummary) -> dict[str, Any]:
    values = {name: getattr(summary, name) for name in summary.__dataclass_fields__}
    return {"name": summary.name, **values, "path": str(summary.path), "model": str(summary.model) if summary.model else None}


@runs.command("list")
def list_runs(root: Root = None, as_json: AsJson = False) -> None:
    """List all runs with state, progress, best accuracy on unseen puzzles, time and size."""
    with plain_errors():
        found = [_summary(run) for run in manage.all_runs(root)]
    if as_json:
        print_json(runs=[_plain(summary) for summary in found])
        return
    if not found:
        print(f"No runs in {root or manage.runs_folder()}. Start one with hrm-studio train sudoku-4x4.")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("run", "state", "step", "of", "best", "time", "left", "size"):
        table.add_column(column, justify="left" if column in ("run", "state") else "right", no_wrap=True)
    for s in found:
        table.add_row(
            s.name, s.state, f"{s.step:,}", f"{s.steps:,}", share(s.best), duration(s.seconds), duration(s.eta_seconds), size(s.size)
        )
    Console(width=None if Console().is_terminal else 200, highlight=False).print(table)


@runs.command()
def show(run: Name, root: Root = None, as_json: AsJson = False) -> None:
    """Show one run: state, configuration, checkpoints and warnings."""
    with plain_errors():
        found = manage.find_run(run, root)
        summary, config = _summary(found), found.config()
    reader = found.events()
    found_events = [e for e in reader.read() if e["type"] in ("warning", "failed", "evaluation")]
    evaluations = [e for e in found_events if e["type"] == "evaluation"]
    warnings = [{"step": e["step"], "code": e.get("code"), "message": e["message"]} for e in found_events if e["type"] != "evaluation"]
    checkpoints = [path.name for path in found.all_checkpoints()]
    if as_json:
        print_json(
            **_plain(summary), config=config.model_dump(mode="json"), environment=environment(found.path), origin=manage.origin(found) or None,
            checkpoints=checkpoints, warnings=warnings, evaluation=evaluations[-1] if evaluations else None,
        )  # fmt: skip
        return
    console = Console(highlight=False, soft_wrap=True)
    lines = {
        "run": str(summary.path), "state": f"{summary.state} {('— ' + summary.message) if summary.message else ''}",
        "task": f"{summary.task}, preset {summary.preset or 'none'}", "step": f"{summary.step:,} of {summary.steps:,}",
        "best": f"{share(summary.best)} of unseen puzzles at step {summary.best_step:,}" if summary.best is not None else "–",
        "time": duration(summary.seconds) + (f", {duration(summary.eta_seconds)} left" if summary.eta_seconds else ""),
        "device": summary.device or "–", "size": size(summary.size), "checkpoints": ", ".join(checkpoints if len(checkpoints) < 9 else [*checkpoints[:4], "…", *checkpoints[-4:]]) or "none",
        "kept": f"the newest {config.keep_checkpoints}, the best, and the 1st, 2nd, 4th, 8th … multiple of {config.checkpoint_every} steps",
    }  # fmt: skip
    if begun := manage.origin(found):
        lines["continues"] = f"{begun['run']} from {begun['checkpoint']}"
    if reader.broken:
        lines["skipped"] = f"{reader.broken:,} damaged lines of {found.events_file.name}"
    for name, text in lines.items():
        console.print(f"{name:12} {text}", markup=False)
    if evaluations:
        console.print(describe(evaluations[-1]), markup=False)
    for warning in warnings:
        console.print(f"step {warning['step']}: {warning['message']}", markup=False)


@runs.command()
def follow(
    run: Name,
    root: Root = None,
    new: Annotated[bool, typer.Option("--new", help="Only new events.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a run's events until its trainer ends, as text or JSON lines. Ctrl+C stops following, not the run."""
    with plain_errors():
        found = manage.find_run(run, root)
    reader = found.events()
    if new:
        reader.read()
    try:
        while True:
            ended = found.status().get("state") not in (*LIVE, UNKNOWN)
            while entries := reader.parse(reader.lines(1 << 20)):
                for entry in entries:
                    if as_json or entry["type"] != "machine":
                        print(json.dumps(entry) if as_json else describe(entry), flush=True)
            if ended:
                return
            time.sleep(_POLL)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:  # `| head` has seen enough
        raise typer.Exit(0) from None


def _ask(name: str, root: Path | None, as_json: bool, kind: str, done: Callable[[RunDir, list[Event]], bool], words: str) -> None:
    """Send a command to a live trainer and wait until it is carried out."""
    with plain_errors():
        run = manage.find_run(name, root)
        if run.status().get("state") not in (*LIVE, UNKNOWN):
            raise RunError(f"{run.path.name} is not being trained; its state is {run.status().get('state', 'new')!r}.")
        reader = run.events()
        reader.read()
        run.command(kind)
    seen: list[Event] = []
    end = time.monotonic() + _PATIENCE
    while not (obeyed := done(run, seen)) and time.monotonic() < end and run.status().get("state") in (*LIVE, UNKNOWN):
        time.sleep(_POLL)
        seen += reader.read()
    obeyed = obeyed or done(run, seen + reader.read())
    if as_json:
        print_json(run=str(run.path), command=kind, obeyed=obeyed, state=run.status().get("state"), step=run.status().get("step"))
    elif obeyed:
        print(f"{run.path.name}: {words} at step {run.status().get('step', 0):,}")
    else:
        print(f"{run.path.name}: sent {kind}; the trainer has not answered yet")


def _seen_event(kind: str) -> Callable[[RunDir, list[Event]], bool]:
    return lambda run, seen: any(entry["type"] == kind for entry in seen)


@runs.command()
def pause(run: Name, root: Root = None, as_json: AsJson = False) -> None:
    """Pause a run after its step. It keeps its memory and stops computing."""
    _ask(run, root, as_json, "pause", lambda r, seen: r.status().get("state") == "paused", "paused")


@runs.command()
def save(run: Name, root: Root = None, as_json: AsJson = False) -> None:
    """Save a checkpoint now."""
    _ask(run, root, as_json, "save", _seen_event("saved"), "saved")


@runs.command()
def stop(
    run: Name,
    root: Root = None,
    discard: Annotated[bool, typer.Option("--discard", help="Stop without a checkpoint; steps after the last one are lost.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop a run after its step, with a checkpoint. `resume` continues it."""
    kind = "abort" if discard else "stop"
    _ask(run, root, as_json, kind, lambda r, seen: r.status().get("state") not in (*LIVE, UNKNOWN), "discarded" if discard else "stopped")


@runs.command()
def resume(run: Name, root: Root = None, as_json: AsJson = False) -> None:
    """Continue a paused run, or one that ended, from its last checkpoint."""
    with plain_errors():
        found = manage.find_run(run, root)
        state = found.status().get("state")
        if state in ("starting", "running"):
            raise RunError(f"{found.path.name} is being trained already.")
    if state == "paused":
        _ask(run, root, as_json, "resume", _seen_event("resumed"), "resumed")
        return
    _start(found, as_json)


def _start(run: RunDir, as_json: bool) -> None:
    with plain_errors():
        reader = run.events()
        reader.read()
        child = start_trainer(run)
        seen: list[Event] = []
        while not any(entry["type"] == "started" for entry in seen) and child.poll() is None:
            time.sleep(_POLL)
            seen += reader.read()
        seen += reader.read()
        if child.poll():
            words = (run.path / "log.txt").read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
            raise RunError(words or f"the trainer ended with {child.returncode}")
    child.returncode = child.returncode or 0  # it outlives this process
    step = next((entry["step"] for entry in seen if entry["type"] == "started"), 0)
    if as_json:
        print_json(run=str(run.path), state=run.status().get("state"), step=step, pid=child.pid)
    else:
        print(f"{run.path.name}: training from step {step:,} (process {child.pid}). Follow it with hrm-studio runs follow {run.path.name}")


@runs.command()
def fork(
    run: Name,
    changes: SettingChanges = None,
    checkpoint: Annotated[str, typer.Option(help="last, best, or the name of a checkpoint.")] = "last",
    run_dir: Annotated[Path | None, typer.Option(help="Folder of the new run.")] = None,
    start: Annotated[bool, typer.Option(help="Start its trainer, too.")] = True,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Start a new run from a checkpoint of this one, with changes. The old run stays as it is."""
    with plain_errors():
        found = manage.find_run(run, root)
        new = manage.fork(found, manage.with_changes(found.config(), setting_changes(changes)), checkpoint=checkpoint, path=run_dir)
    if start:
        _start(new, as_json)
    elif as_json:
        print_json(run=str(new.path), **{"from": manage.origin(new)})
    else:
        print(f"{new.path}: ready. Start it with hrm-studio runs resume {new.path.name}")


@runs.command()
def rename(run: Name, name: Annotated[str, typer.Argument(help="The new name.")], root: Root = None, as_json: AsJson = False) -> None:
    """Rename a run that is not being trained."""
    with plain_errors():
        path = manage.rename(manage.find_run(run, root), name)
    print_json(run=str(path)) if as_json else print(path)


@runs.command()
def ended(run: Name, root: Root = None, as_json: AsJson = False) -> None:
    """Tell that a trainer on another machine has ended, if `list` cannot know it. The run can then be resumed or deleted."""
    with plain_errors():
        found = manage.find_run(run, root)
        found.declare_ended()
        state = found.status().get("state", "new")
    print_json(run=str(found.path), state=state) if as_json else print(f"{found.path.name}: {state}")


@runs.command()
def delete(run: Name, root: Root = None, as_json: AsJson = False) -> None:
    """Move a run to the trash. `undelete` restores it."""
    with plain_errors():
        found = manage.find_run(run, root)
        place = manage.delete(found)
    if as_json:
        print_json(run=str(found.path), trash=str(place))
    else:
        print(f"{found.path.name}: deleted. Restore it with hrm-studio runs undelete {found.path.name}")


@runs.command()
def undelete(
    name: Annotated[str | None, typer.Argument(help="The run's name. Default: the run deleted last.")] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Restore a deleted run."""
    with plain_errors():
        path = manage.undelete(name, root)
    print_json(run=str(path)) if as_json else print(f"{path}: restored")


@runs.command()
def trash(root: Root = None, as_json: AsJson = False) -> None:
    """List deleted runs."""
    found = manage.deleted_runs(root)
    if as_json:
        print_json(runs=[str(path) for path in found])
        return
    for path in found:
        print(f"{datetime.fromtimestamp(path.stat().st_ctime):%Y-%m-%d %H:%M}  {path.name}")

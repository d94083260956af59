"""`hrm-studio train`: starts a trainer in a process of its own and follows it until it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hrm_model.children import child_environment
from hrm_model.errors import UsageError
from hrm_studio.cli.common import SettingChanges, plain_errors, setting_changes
from hrm_studio.cli.estimate import estimate
from trainer.config import RunConfig
from trainer.data.published import fit_to_dataset, resolve_dataset
from trainer.presets import preset as preset_named
from trainer.runs import manage
from trainer.runs.events import Event
from trainer.runs.run_dir import LIVE, RunDir, new_run_path

_POLL = 0.2  # seconds
_GRACE = 1.0  # seconds for a second Ctrl+C


def train(
    preset: Annotated[str, typer.Argument(help="Name of a preset, such as sudoku-4x4. A wrong name lists all.")],
    run_dir: Annotated[Path | None, typer.Option(help="Folder of the run. An existing run continues from its last checkpoint.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.001, help="Stop after this many minutes of computing.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda:0 or mps.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write TensorBoard event files.")] = False,
    dataset: Annotated[Path | None, typer.Option(help="Train on the dataset in this folder instead of generated puzzles.")] = None,
    changes: SettingChanges = None,
) -> None:
    """Train a model in a process of its own and follow its progress. Ctrl+C stops it with a checkpoint."""
    with plain_errors():
        options = (("minutes", minutes), ("device", device), ("seed", seed))
        asked = setting_changes(changes) | {name: value for name, value in options if value is not None}
        if tensorboard:
            asked["tensorboard"] = True
        if device is not None:
            from hrm_model.device import pick_device

            pick_device(device)
        path = run_dir or new_run_path(preset)
        if (path / "config.yaml").exists():
            run = RunDir(path)
            _must_agree(run, preset, asked | ({"dataset": str(dataset.resolve())} if dataset else {}))
        else:
            config = manage.with_changes(preset_named(preset), asked)
            run = RunDir.create(path, fit_to_dataset(config, dataset) if dataset else resolve_dataset(config))
    raise typer.Exit(Follower(run).follow())


def _must_agree(run: RunDir, preset: str, asked: dict[str, Any]) -> None:
    """UsageError if an existing run was started with other options."""
    config: RunConfig = run.config()
    if config.preset != preset:
        raise UsageError(f"{run.path} is a run of {config.preset!r}, not of {preset!r}.")
    before, after = config.model_dump(), manage.with_changes(config, asked).model_dump()
    for name in asked:
        if _at(before, name) != _at(after, name):
            raise UsageError(
                f"{run.path} was started with {name} {_at(before, name)}. Leave {name} out to continue it, or choose another --run-dir. "
                "To continue it with other settings: hrm-studio runs fork."
            )


def _at(values: Any, name: str) -> Any:
    """The value of a dotted name."""
    for part in name.split("."):
        values = values[part]
    return values


class Follower:
    """Shows a run's progress until its trainer ends; starts a trainer if none is running."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.console = Console(highlight=False)
        self.reader = run.events()
        self.failed = ""
        self.stop_at = 0.0  # when to send the stop command, by the monotonic clock; 0: not
        self.stop_sent = False
        self.interrupts = 0  # Ctrl+C so far

    def follow(self) -> int:
        """The trainer's exit code; 130 if it was left running."""
        # Counted, not raised: an exception during the start of the trainer would leave it behind.
        before = signal.signal(signal.SIGINT, self._interrupted)
        try:
            return self._follow()
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        self.interrupts += 1

    def _follow(self) -> int:
        run, console = self.run, self.console
        console.print(f"run directory: {run.path}", soft_wrap=True)
        if not run.events_file.exists() and run.status().get("state") not in LIVE:
            told = estimate(run.config(), lambda: self.interrupts > 0, lambda text: console.print(text))
            if self.interrupts:
                console.print(f"not started; hrm-studio runs resume {run.path.name} starts it", soft_wrap=True)
                return 130
            if told:
                console.print(told, soft_wrap=True)
        self.reader.read()  # events of earlier processes
        process = None
        if run.status().get("state") in LIVE:
            console.print("a trainer is running here already; following it")
        else:
            with (run.path / "log.txt").open("ab") as log:
                # A session of its own: Ctrl+C reaches this process only, which then asks the trainer to stop.
                command = [sys.executable, "-m", "trainer", str(run.path)]
                process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=child_environment())
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=False) as progress:
            bar = progress.add_task("preparing puzzles", total=run.config().steps, rate="")
            while True:
                running = process.poll() is None if process else run.status().get("state") in LIVE
                for entry in self.reader.read():
                    self._show(entry, progress, bar)
                if not running:
                    break
                if self.interrupts > 1:
                    left = "it saves a checkpoint and stops by itself" if self.stop_sent else "left running"
                    console.print(f"{left}; hrm-studio train with this --run-dir follows it again")
                    return 130
                if self.interrupts and not self.stop_at:
                    console.print("stopping, with a checkpoint … (Ctrl+C again at once leaves it running)")
                    self.stop_at = time.monotonic() + _GRACE
                if self.stop_at and time.monotonic() > self.stop_at and not self.stop_sent and run.status().get("state") in LIVE:
                    # (Before it has claimed the run, a trainer would take the command for an old one.)
                    run.command("stop")
                    self.stop_sent = True
                time.sleep(_POLL)
        return self._outcome(process.returncode if process else None)

    def _outcome(self, code: int | None) -> int:
        run = self.run
        if code is None:
            code = 1 if run.status().get("state") in ("killed", "failed") else 0
        if code:
            words = self.failed or (run.path / "log.txt").read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
            self.console.print(f"the trainer failed ({code}): {words}", markup=False, soft_wrap=True)
            return code
        best = run.pointer("best")
        if best is not None:
            self.console.print(f"best checkpoint: {best}", soft_wrap=True)
        return 0

    def _show(self, entry: Event, progress: Progress, bar: Any) -> None:
        progress.update(bar, completed=entry["step"])
        if entry["type"] == "metrics":
            rate = self.run.status().get("steps_per_second")
            loss = entry["values"].get("loss")
            progress.update(bar, description="" if loss is None else f"loss {loss:.3f}", rate=f"{rate:.1f} steps/s" if rate else "")
        elif entry["type"] == "evaluation":
            for name, found in entry["sets"].items():
                progress.console.print(
                    f"step {entry['step']:>6}  {entry.get('seconds', 0):6.0f} s   {name}: {found['exact']:.1%} of {found.get('puzzles', '?')} unseen puzzles"
                    f" ({found['low']:.1%}–{found['high']:.1%}), {found['cells']:.1%} of blank cells"
                )
        elif entry["type"] == "warning" or entry["type"] == "failed":
            progress.console.print(entry["message"], markup=False)
            if entry["type"] == "failed":
                self.failed = str(entry["message"])

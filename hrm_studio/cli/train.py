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
from hrm_studio.cli.common import plain_errors
from trainer.config import RunConfig
from trainer.data.published import fit_to_dataset, resolve_dataset
from trainer.presets import preset as preset_named
from trainer.runs.events import Event
from trainer.runs.run_dir import RunDir, new_run_path

_POLL = 0.2  # seconds


def train(
    preset: Annotated[str, typer.Argument(help="Name of a preset, such as sudoku-4x4. A wrong name lists all.")],
    run_dir: Annotated[Path | None, typer.Option(help="Folder of the run. An existing run continues from its last checkpoint.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.001, help="Stop after this many minutes of computing.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda:0 or mps.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write TensorBoard event files.")] = False,
    dataset: Annotated[Path | None, typer.Option(help="Train on the dataset in this folder instead of generated puzzles.")] = None,
) -> None:
    """Train a model in a process of its own and follow its progress. Ctrl+C stops it with a checkpoint."""
    with plain_errors():
        asked = {name: value for name, value in (("minutes", minutes), ("device", device), ("seed", seed)) if value is not None}
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
            config = preset_named(preset).model_copy(update=asked)
            run = RunDir.create(path, fit_to_dataset(config, dataset) if dataset else resolve_dataset(config))
    raise typer.Exit(Follower(run).follow())


def _must_agree(run: RunDir, preset: str, asked: dict[str, Any]) -> None:
    """UsageError if an existing run was started with other options."""
    config: RunConfig = run.config()
    if config.preset != preset:
        raise UsageError(f"{run.path} is a run of {config.preset!r}, not of {preset!r}.")
    for name, value in asked.items():
        if getattr(config, name) != value:
            raise UsageError(
                f"{run.path} was started with {name} {getattr(config, name)}. Leave --{name} out to continue it, "
                "or choose another --run-dir."
            )


class Follower:
    """Shows a run's progress until its trainer ends; starts a trainer if none is running."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.console = Console(highlight=False)
        self.reader = run.events()
        self.failed = ""
        self.started = False  # it reads commands from now on
        self.stop_told = self.stop_sent = False
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
        self.reader.read()  # events of earlier processes
        process = None
        if run.status().get("state") in ("starting", "running", "paused"):
            console.print("a trainer is running here already; following it")
            self.started = True
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
                running = process.poll() is None if process else run.status().get("state") in ("starting", "running", "paused")
                for entry in self.reader.read():
                    self._show(entry, progress, bar)
                if not running:
                    break
                if self.interrupts > 1:
                    console.print("left running; hrm-studio train with this --run-dir follows it again")
                    return 130
                if self.interrupts and not self.stop_told:
                    console.print("stopping after this step, with a checkpoint … (Ctrl+C again leaves it running)")
                    self.stop_told = True
                if self.interrupts and self.started and not self.stop_sent:
                    # A trainer that is still starting would take the command for an old one.
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
        if entry["type"] == "started":
            self.started = True
        elif entry["type"] == "metrics":
            rate = self.run.status().get("steps_per_second")
            progress.update(bar, description=f"loss {entry['values']['loss']:.3f}", rate=f"{rate:.1f} steps/s" if rate else "")
        elif entry["type"] == "evaluation":
            for name, found in entry["sets"].items():
                progress.console.print(
                    f"step {entry['step']:>6}  {entry['seconds']:6.0f} s   {name}: {found['exact']:.1%} of {found['puzzles']} unseen puzzles"
                    f" ({found['low']:.1%}–{found['high']:.1%}), {found['cells']:.1%} of blank cells"
                )
        elif entry["type"] == "warning" or entry["type"] == "failed":
            progress.console.print(entry["message"], markup=False)
            if entry["type"] == "failed":
                self.failed = str(entry["message"])

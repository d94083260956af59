"""The process that carries out a run: `Trainer` computes, `RunDir` keeps, `Runner` connects the two."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from hrm_model.device import pick_device
from hrm_model.errors import RunError, first_line
from hrm_model.files import write_json
from trainer.data.batches import evaluation_sets, training_batches
from trainer.diagnostics import Diagnostics
from trainer.distributed import ProcessGroup
from trainer.fitting import MachineFit, fit_to_machine
from trainer.interrupt import Cancelled
from trainer.loop import Trainer
from trainer.machine import MachineMonitor
from trainer.probe_puzzles import write_probes
from trainer.runs.events import Command, Evaluated, Event, LineReader, describe, event
from trainer.runs.manage import origin
from trainer.runs.run_dir import RunDir
from trainer.saving import LEAST_WAIT, MOST_WAIT, NotSaved, insist, low_disk, point_to_best, unsaved, what_is_saved, write_checkpoint
from trainer.tensorboard import TensorBoardWriter

_STATUS_EVERY = 1.0  # seconds
_MACHINE_EVERY = 2.0  # seconds


class Stopped(Exception):
    """The run was ended before its training began, so there is nothing to save."""


class Runner:
    """Carries out a run: obeys commands, writes events, status and checkpoints. Of several processes, the first writes for all."""

    def __init__(self, run: RunDir, processes: ProcessGroup | None = None, device: str | None = None) -> None:
        """`device`: this process's device, if it is not the configuration's."""
        self.run_dir, self.config = run, run.config()
        self.starting = True  # there is no training yet that could look up
        self._preparing = False
        self.processes, self.device = processes or ProcessGroup(), device
        # Commands that an earlier trainer did not read are not for this one.
        self.commands: LineReader[Command] = LineReader(
            run.commands_file, offset=run.commands_size() if run.commands_from is None else run.commands_from
        )
        self.ending: str | None = None  # 'stop' or 'abort'
        self.best = -1.0
        self.diagnostics = Diagnostics(self.config)
        self.last_status = self.last_machine = self.begin_seconds = self.saved_seconds = 0.0
        self.gives_up = False  # no longer waits for room on a full disk
        self.begin_step = 0
        self.disk_is_low = False
        self.tensorboard: TensorBoardWriter | None = None
        self._unwritten: list[Event] = []

    def run(self) -> None:
        """Train to the end, or until a command ends it. Raises what `Trainer.train` raises, and RunError."""
        try:
            self._preparing = True
            if self.ending:
                raise Stopped
            self._prepare()
        except Stopped:
            step = self.run_dir.written_status().get("step", 0)
            self.emit(event("finished", step, reason="stopped"))
            if self.processes.is_first:
                self.run_dir.write_status(state="stopped", step=step, steps=self.config.steps)
            return
        finally:
            self._preparing = False
        self._train()

    def _prepare(self) -> None:
        """Make the puzzles, fit the run to the machine, build the model and load the last checkpoint."""
        run, config, processes = self.run_dir, self.config, self.processes
        pool = run.path / "pool.npz"
        if processes.is_first:
            training_batches(config, pool)  # the first process makes the pool of puzzles for all
        processes.broadcast(None)
        self.sets = evaluation_sets(config)
        fit = self.fit()
        self.trainer = trainer = Trainer(
            config, training_batches(config, pool), self.sets,
            micro_batch=fit.micro_batch, compiled=fit.compile, processes=processes, device=self.device,
        )  # fmt: skip
        resumed = self.load_newest()
        forked_from = origin(run)
        if forked_from and trainer.step == forked_from.get("step"):
            trainer.begin_fork(fit.micro_batch)
        self.read_own_events()
        self.begin_step, self.begin_seconds, self.saved_seconds = trainer.step, trainer.seconds, trainer.seconds
        card = trainer.device.index or 0 if trainer.device.type == "cuda" else None
        self.machine = MachineMonitor(card)
        versions = environment(trainer) if processes.is_first else {}
        if processes.is_first:
            with suppress(OSError):  # a full disk
                write_json(run.path / "env.json", versions)
        if config.tensorboard and processes.is_first:
            self.tensorboard = TensorBoardWriter(run.path / "tensorboard", trainer.step)
        if trainer.step == 0:
            self.trace_probes()  # how an untrained model answers: the first moment of "Watch it learn"
        self.starting = self._preparing = False
        about = {"resumed": resumed, "pid": os.getpid(), "steps": config.steps, "processes": processes.size, "environment": versions}
        self.emit(event("started", trainer.step, **about, **asdict(fit)))
        if fit.why:
            self.log(fit.why)
        if processes.size == 1:  # several processes obey together, between steps
            trainer.lookout.look = self.look

    def _train(self) -> None:
        config, trainer = self.config, self.trainer
        step = trainer.step
        for events in trainer.train():
            evaluation = next((e for e in events if e["type"] == "evaluation"), None)
            if evaluation:
                probe = self.trace_probes()
                if probe:
                    evaluation["probe"] = probe
            for entry in events:
                self.emit(entry)
                self.log(describe(entry))
                for warning in self.diagnostics.check(entry):
                    self.warn(warning["message"], warning["code"])
            if evaluation or (trainer.step > step and trainer.step % config.checkpoint_every == 0):
                self.save(evaluation)
            step = trainer.step
            self.obey()
            self.write_status("running")
            self.emit_machine_load()
            if self.ending:
                break
        trainer.prefetcher.close()
        if self.ending != "abort" and trainer.step and not self.all_saved():
            self.save_last()
        reason = {"stop": "stopped", "abort": "aborted"}.get(self.ending or "", "done")
        why = {"message": trainer.reason} if trainer.reason and not self.ending else {}
        self.write_end(
            event("finished", trainer.step, reason=reason, seconds=round(trainer.seconds, 2), **why),
            "stopped" if self.ending else "finished",
        )
        if self.tensorboard:
            with suppress(OSError):  # a full disk
                self.tensorboard.close()

    def fit(self) -> MachineFit:
        """How many examples to compute at once, and whether to compile. The first process decides for all."""
        device = pick_device(self.device or self.config.device)
        first, end = self.processes.rows(self.config.batch_size)
        found = None
        if self.processes.is_first:
            found = asdict(fit_to_machine(self.config, device, self.run_dir.path / "fit.json", rows=end - first))
        return MachineFit(**self.processes.broadcast(found))

    # Resume ----------------------------------------------------------------------------------------------------------

    def read_own_events(self) -> None:
        """Recall from the run's events the best accuracy, the warnings, and whether this very step has been evaluated."""
        reader = self.run_dir.events()
        here: Evaluated | None = None
        while lines := reader.lines(1 << 20):
            for old in reader.parse(lines):
                if old["step"] > self.trainer.step:
                    continue
                self.diagnostics.replay(old)
                if old["type"] == "evaluation":
                    self.best = max(self.best, old["values"].get("exact_accuracy") or -1.0)
                if old["type"] == "evaluation" and old["step"] == self.trainer.step:
                    here, self.trainer.evaluated_at = old, old["step"]
        if here and self.processes.is_first and (here["values"].get("exact_accuracy") or 0.0) >= self.best and self.saved():
            self.run_dir.point("best", self.run_dir.checkpoints / f"step_{self.trainer.step:06d}")  # the trainer was killed before it did

    def load_newest(self) -> bool:
        """Resume from the last checkpoint, or from an earlier one if that is damaged. False if there is none.

        RunError if there are checkpoints but none can be read.
        """
        last = self.run_dir.pointer("last")
        folders = list(dict.fromkeys([*([last] if last else []), *reversed(self.run_dir.all_checkpoints())]))
        loaded = None
        if self.processes.is_first:
            loaded = next((folder for folder in folders if self._load(folder)), None)
        loaded = self.processes.broadcast(loaded)
        if loaded is None:
            if folders:
                raise RunError(f"{self.run_dir.checkpoints}: no checkpoint here can be read. Delete this folder to begin the run again.")
            return False
        if not self.processes.is_first:
            if not self._load(loaded):
                raise RunError(f"{loaded}: process {self.processes.rank} cannot read this checkpoint, though the first process can")
            return True
        if loaded != last:
            self.run_dir.point("last", loaded)
        # Later steps will be computed again, so their checkpoints and probes are removed.
        for later in self.run_dir.all_checkpoints():
            if later > loaded:
                shutil.rmtree(later, ignore_errors=True)
        for probe in self.run_dir.probes.glob("step_*"):
            number = probe.name.removeprefix("step_").removesuffix(".h5")
            if not number.isdigit() or int(number) > self.trainer.step:
                probe.unlink(missing_ok=True)
        return True

    def _load(self, folder: Path) -> bool:
        try:
            try:
                state = torch.load(folder / "training_state.pt", map_location=self.trainer.device, weights_only=True)
            except Exception as error:  # torch raises nearly anything on a damaged file
                raise RunError(first_line(error)) from error
            self.trainer.load_state_dict(state)
        except (RunError, KeyError, RuntimeError, TypeError, ValueError) as error:
            traceback.print_exc()
            self.warn(
                f"{folder}: this checkpoint cannot be read ({first_line(error)}). Training resumes from the one before it.", "damaged"
            )
            return False
        return True

    # Events, log and commands ----------------------------------------------------------------------------------------

    def log(self, text: str) -> None:
        """Print a line into the log; only the first process does."""
        if self.processes.is_first:
            with suppress(OSError):  # nobody listens, or the disk is full
                print(text, flush=True)

    def warn(self, message: str, code: str) -> None:
        """Put a warning into the log and the events."""
        self.log(message)
        self.emit(event("warning", self.trainer.step, code=code, message=message))

    def emit(self, entry: Event) -> None:
        """Append an event to the run. While the disk is full events wait in memory, and training goes on."""
        if not self.processes.is_first:
            return
        if self.tensorboard:
            with suppress(OSError):  # a full disk
                self.tensorboard.add(entry)
        self._unwritten.append(entry)
        with suppress(OSError):
            self.write_events()

    def write_events(self) -> None:
        """Append the events that wait. OSError."""
        while self._unwritten:
            self.run_dir.emit(self._unwritten[0])
            self._unwritten.pop(0)

    def emit_machine_load(self) -> None:
        now = time.monotonic()
        if self.processes.is_first and now - self.last_machine >= _MACHINE_EVERY:
            self.last_machine = now
            self.emit(event("machine", self.trainer.step, values=self.machine.read()))

    def obey(self) -> None:
        """Carry out new commands; while paused, wait here for more."""
        paused = False
        while True:
            commands = self.commands.read() if self.processes.is_first else []
            if self.commands.broken:
                self.commands.broken = 0
                self.warn(f'{self.run_dir.commands_file}: skipped an invalid command. Example: {{"v": 1, "type": "stop"}}', "command")
            commands, self.ending = self.processes.broadcast((commands, self.ending))
            for command in commands:
                kind = command["type"]
                if kind == "save":
                    self.save()
                elif kind in ("stop", "abort"):
                    self.ending = kind
                elif kind in ("pause", "resume") and paused != (kind == "pause"):
                    paused = kind == "pause"
                    self.emit(event("paused" if paused else "resumed", self.trainer.step))
            if not paused or self.ending:
                return
            self.write_status("paused")
            time.sleep(0.1)

    def interrupt(self) -> None:
        """End the run as soon as possible, with a checkpoint: for a signal. Stopped if the run has not begun."""
        self.ending, self.gives_up = self.ending or "stop", True
        if self._preparing and self.processes.size == 1:
            raise Stopped

    def look(self) -> None:
        """Obey within a step or an evaluation. If that ends the run, Cancelled: a resumed run begins with this step or evaluation."""
        self.obey()
        self.write_status("running")
        self.emit_machine_load()
        if self.ending:
            raise Cancelled
        self.trainer.look()

    def write_status(self, state: str, now: bool = False, message: str = "") -> None:
        """Replace status.json, once a second at most. On a full disk the old one stays; with `now` that is an OSError."""
        if not self.processes.is_first or (not now and time.monotonic() - self.last_status < _STATUS_EVERY):
            return
        self.last_status = time.monotonic()
        trainer, done = self.trainer, self.trainer.step - self.begin_step
        rate = done / max(1e-9, trainer.seconds - self.begin_seconds) if done else None
        left = (self.config.steps - trainer.step) / rate if rate else None
        last = self.config.steps  # where it ends, as far as can be told
        if left is not None and rate and self.config.minutes:
            in_time = 60 * self.config.minutes - trainer.seconds
            if in_time < left:
                left, last = in_time, trainer.step + max(0, int(in_time * rate))
        with nullcontext() if now else suppress(OSError):
            self.run_dir.write_status(
                state=state, step=trainer.step, steps=self.config.steps, seconds=round(trainer.seconds, 1),
                steps_per_second=rate and round(rate, 3), eta_seconds=None if left is None else round(max(0.0, left), 1),
                device=str(trainer.device), last_step=last, evaluating=trainer.evaluating, **({"message": message} if message else {}),
            )  # fmt: skip

    # Checkpoints and probes ------------------------------------------------------------------------------------------

    def saved(self) -> bool:
        """Whether the last checkpoint is of this step."""
        last = self.run_dir.pointer("last")
        return last is not None and last.name == f"step_{self.trainer.step:06d}"

    def all_saved(self) -> bool:
        """The first process's `saved`, in every process."""
        return bool(self.processes.broadcast(self.saved()))

    def save(self, evaluation: Evaluated | None = None) -> None:
        """Write a checkpoint. If the disk is full, warn and train on."""
        self.trainer.check()
        state = self.trainer.state_dict()
        if not self.processes.is_first:
            return
        try:
            self._save(state, evaluation)
        except OSError as error:
            self.warn(f"{unsaved(self.run_dir, self.trainer.step, error)} Training goes on. Free some disk space.", "disk-full")

    def _save(self, state: dict[str, Any], evaluation: Evaluated | None = None) -> None:
        run, trainer = self.run_dir, self.trainer
        folder = write_checkpoint(run, self.config, trainer, state)
        self.best = point_to_best(run, folder, evaluation, self.best)
        self.saved_seconds = trainer.seconds
        run.prune(self.config.keep_checkpoints, self.config.checkpoint_every)
        self.emit(event("saved", trainer.step, checkpoint=folder.name))
        low = low_disk(folder)
        if low and not self.disk_is_low:
            self.warn(low, "disk")
        self.disk_is_low = bool(low)

    def save_last(self) -> None:
        """Write the checkpoint that ends the run; if the disk is full, wait for room as long as the steps since the last one took. NotSaved."""
        self.trainer.check()
        state, lost = self.trainer.state_dict(), ""
        if self.processes.is_first:
            try:
                self._insist(lambda: self._save(state))
            except OSError as error:
                lost = f"The end of this run is lost. {unsaved(self.run_dir, self.trainer.step, error)} Free some disk space and resume the run."
        if lost := self.processes.broadcast(lost):
            raise NotSaved(lost)

    def write_end(self, entry: Event, state: str) -> None:
        """Write the last events and the last status, as `save_last` does. NotSaved."""
        if not self.processes.is_first:
            return
        self.emit(entry)

        def write() -> None:
            self.write_events()
            self.write_status(state, now=True)

        try:
            self._insist(write)
        except OSError as error:
            self._unwritten.clear()
            raise NotSaved(f"The last events could not be written ({error}); {what_is_saved(self.run_dir)}.") from error

    def _insist(self, work: Callable[[], None]) -> None:
        trainer, told = self.trainer, False
        seconds = min(max(LEAST_WAIT, trainer.seconds - self.saved_seconds), MOST_WAIT)

        def waiting(error: OSError, left: float) -> None:
            nonlocal told
            words = f"Training is done, but its result cannot be written yet ({error}). Free some disk space: this run waits up to {left:.0f} s."
            if not told:
                self.warn(words, "disk-full")
                told = True
            with suppress(OSError):
                self.write_status("running", message=words)

        self.gives_up = False
        insist(work, self.run_dir, seconds, waiting=waiting, given_up=self._given_up)

    def _given_up(self) -> bool:
        """Whether someone asked again to end the run, which has nothing left to do but to wait."""
        return self.gives_up or any(command["type"] in ("stop", "abort") for command in self.commands.read())

    def trace_probes(self) -> str:
        """Trace the probe puzzles into a file. Returns its place in the run directory; '' if none was written."""
        if not self.processes.is_first or not self.config.probe_puzzles or not self.sets:
            return ""
        file = self.run_dir.probes / f"step_{self.trainer.step:06d}.h5"
        try:
            write_probes(self.trainer.averaged_model(), self.config, self.sets, file, f"{self.run_dir.path.name} {file.stem}")
        except Cancelled:
            return ""  # the evaluation counts without them
        except OSError as error:
            self.warn(f"The traces of the probe puzzles could not be written: {error}", "disk-full")
            return ""
        return f"{self.run_dir.probes.name}/{file.name}"


def environment(trainer: Trainer) -> dict[str, Any]:
    """Versions, device and settings that decide whether a run can be repeated."""
    here = Path(__file__).parent
    git = shutil.which("git") and subprocess.run(
        ["git", "-C", str(here), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "python": platform.python_version(), "torch": torch.__version__, "platform": platform.platform(), "device": str(trainer.device),
        "dtype": trainer.model.config.forward_dtype, "threads": torch.get_num_threads(), "seed": trainer.config.seed,
        "git": git.stdout.strip() if git and git.returncode == 0 else None,
    }  # fmt: skip

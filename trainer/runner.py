"""The process that carries out a run: `Trainer` computes, `RunDir` keeps, `Runner` connects the two."""

from __future__ import annotations

import io
import os
import platform
import shutil
import subprocess
import time
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from hrm_model.checkpoint import format as checkpoint
from hrm_model.device import pick_device
from hrm_model.errors import RunError, first_line
from hrm_model.files import atomic_path, write_json
from trainer.data.batches import evaluation_sets, training_batches
from trainer.diagnostics import Diagnostics
from trainer.distributed import ProcessGroup
from trainer.fitting import MachineFit, fit_to_machine
from trainer.loop import EvaluationCancelled, Trainer
from trainer.machine import MachineMonitor, free_bytes
from trainer.probe_puzzles import write_probes
from trainer.runs.events import Command, Evaluated, Event, LineReader, describe, event
from trainer.runs.manage import origin
from trainer.runs.run_dir import RunDir
from trainer.tensorboard import TensorBoardWriter

_STATUS_EVERY = 1.0  # seconds
_MACHINE_EVERY = 2.0  # seconds
_LOW_DISK = 500 << 20  # bytes


class Runner:
    """Carries out a run: obeys commands, writes events, status and checkpoints. Of several processes, the first writes for all."""

    def __init__(self, run: RunDir, processes: ProcessGroup | None = None, device: str | None = None) -> None:
        """`device`: this process's device, if it is not the configuration's."""
        self.run_dir, self.config = run, run.config()
        self.processes, self.device = processes or ProcessGroup(), device
        # Commands that an earlier trainer did not read are not for this one.
        size = run.commands_file.stat().st_size if run.commands_file.exists() else 0
        self.commands: LineReader[Command] = LineReader(run.commands_file, offset=size)
        self.ending: str | None = None  # 'stop' or 'abort'
        self.best = -1.0
        self.diagnostics = Diagnostics(self.config)
        self.last_status = self.last_machine = self.begin_seconds = 0.0
        self.begin_step = 0
        self.disk_is_low = False
        self.tensorboard: TensorBoardWriter | None = None
        self._unwritten: list[Event] = []

    def run(self) -> None:
        """Train to the end, or until a command ends it. Raises what `Trainer.train` raises, and RunError."""
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
        self.begin_step, self.begin_seconds = trainer.step, trainer.seconds
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
        about = {"resumed": resumed, "pid": os.getpid(), "steps": config.steps, "processes": processes.size, "environment": versions}
        self.emit(event("started", trainer.step, **about, **asdict(fit)))
        if fit.why:
            self.log(fit.why)
        if processes.size == 1:  # several processes obey together, but only the first evaluates
            trainer.after_batch = self.obey_while_evaluating
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
            if evaluation or trainer.step % config.checkpoint_every == 0:
                self.save(evaluation)
            self.obey()
            self.write_status("running")
            self.emit_machine_load()
            if self.ending:
                break
        if self.ending != "abort" and not self.all_saved():
            self.save()
        trainer.prefetcher.close()
        reason = {"stop": "stopped", "abort": "aborted"}.get(self.ending or "", "done")
        why = {"message": trainer.reason} if trainer.reason and not self.ending else {}
        self.emit(event("finished", trainer.step, reason=reason, **why))
        if self.tensorboard:
            self.tensorboard.close()
        self.write_status("stopped" if self.ending else "finished", now=True)

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
                if old["type"] == "evaluation" and old["values"]:
                    self.best = max(self.best, old["values"]["exact_accuracy"])
                if old["type"] == "evaluation" and old["step"] == self.trainer.step:
                    here, self.trainer.evaluated_at = old, old["step"]
        if here and self.processes.is_first and (here["values"] or {}).get("exact_accuracy", -1.0) >= self.best and self.saved():
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
        try:
            while self._unwritten:
                self.run_dir.emit(self._unwritten[0])
                self._unwritten.pop(0)
        except OSError:
            pass

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

    def obey_while_evaluating(self) -> None:
        """Obey within an evaluation. If that ends the run, the evaluation is cancelled, and a resumed run begins with it."""
        self.obey()
        self.write_status("running")
        if self.ending:
            raise EvaluationCancelled

    def write_status(self, state: str, now: bool = False) -> None:
        """Replace status.json, once a second at most unless `now`."""
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
        with suppress(OSError):  # a full disk
            self.run_dir.write_status(
                state=state, step=trainer.step, steps=self.config.steps, steps_per_second=rate and round(rate, 3),
                eta_seconds=None if left is None else round(max(0.0, left), 1), device=str(trainer.device), last_step=last,
                evaluating=trainer.evaluating,
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
        run, trainer = self.run_dir, self.trainer
        trainer.check()
        state = trainer.state_dict()
        if not self.processes.is_first:
            return
        folder = run.checkpoints / f"step_{trainer.step:06d}"
        try:
            if not folder.exists():
                run.checkpoints.mkdir(exist_ok=True)
                extra = {
                    "task": self.config.task, "q_continue": self.config.q_continue,
                    "training": {"preset": self.config.preset, "seed": self.config.seed, "step": trainer.step,
                                 "examples": trainer.step * self.config.batch_size, "seconds": round(trainer.seconds, 1)},
                }  # fmt: skip
                with atomic_path(folder) as unfinished:
                    checkpoint.save(trainer.averaged_model(), unfinished, extra)
                    write_state(state, unfinished / "training_state.pt")
            run.point("last", folder)
            exact = evaluation["values"].get("exact_accuracy", -1.0) if evaluation else -1.0
            if evaluation is not None and (exact >= self.best or run.pointer("best") is None):
                self.best = exact
                run.point("best", folder)
            run.prune(self.config.keep_checkpoints, self.config.checkpoint_every)
            self.emit(event("saved", trainer.step, checkpoint=folder.name))
            self.check_disk(folder)
        except OSError as error:
            self.warn(
                f"{folder}: this checkpoint could not be written ({error.strerror or error}). The one before it is whole. Free some disk space.",
                "disk-full",
            )

    def check_disk(self, folder: Path) -> None:
        """Warn once while there is still room for a few checkpoints."""
        size = sum(file.stat().st_size for file in folder.iterdir())
        free = free_bytes(folder)
        low = free < max(4 * size, _LOW_DISK)
        if low and not self.disk_is_low:
            self.warn(
                f"{folder}: only {free / 1e6:,.0f} MB are free, and a checkpoint takes {size / 1e6:,.0f} MB. Free some disk space; "
                "when the disk is full, training goes on without saving.",
                "disk",
            )
        self.disk_is_low = low

    def trace_probes(self) -> str:
        """Trace the probe puzzles into a file. Returns its place in the run directory; '' if none was written."""
        if not self.processes.is_first or not self.config.probe_puzzles or not self.sets:
            return ""
        file = self.run_dir.probes / f"step_{self.trainer.step:06d}.h5"
        try:
            write_probes(self.trainer.averaged_model(), self.config, self.sets, file, f"{self.run_dir.path.name} {file.stem}")
        except OSError as error:
            self.warn(f"The traces of the probe puzzles could not be written: {error}", "disk-full")
            return ""
        return f"{self.run_dir.probes.name}/{file.name}"


def write_state(state: dict[str, Any], file: Path) -> None:
    """Write a trainer's state. OSError on a full disk; torch.save itself would raise a RuntimeError that does not say so."""
    memory = io.BytesIO()
    torch.save(state, memory)
    file.write_bytes(memory.getbuffer())


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

"""One process's work on a run directory: between `Trainer`, which computes, and `RunDir`, which keeps."""

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
from trainer.runs.events import Event, LineReader, describe, event
from trainer.runs.manage import origin
from trainer.runs.run_dir import RunDir
from trainer.tensorboard import TensorBoardWriter

_STATUS_EVERY = 1.0  # seconds
_MACHINE_EVERY = 2.0  # seconds
_LITTLE = 500 << 20  # bytes


class Runner:
    """Obeys commands, writes events, status and checkpoints. Of several processes on one run, the first does so for all."""

    def __init__(self, run: RunDir, processes: ProcessGroup | None = None, device: str | None = None) -> None:
        """`device`: this process's own, where it is not the configuration's."""
        self.run_dir, self.config = run, run.config()
        self.processes, self.device = processes or ProcessGroup(), device
        # Commands for a trainer that is gone are not for this one.
        size = run.commands_file.stat().st_size if run.commands_file.exists() else 0
        self.commands = LineReader(run.commands_file, offset=size)
        self.ending: str | None = None  # 'stop' or 'abort'
        self.best = -1.0
        self.diagnostics = Diagnostics(self.config)
        self.last_status = self.last_machine = self.begin_seconds = 0.0
        self.begin_step = 0
        self.little_space = False
        self.board: TensorBoardWriter | None = None
        self._untold: list[Event] = []

    def run(self) -> None:
        run, config, processes = self.run_dir, self.config, self.processes
        pool = run.path / "pool.npz"
        if processes.is_first:
            training_batches(config, pool)  # a pool is made once, for all processes
        processes.broadcast(None)
        self.sets = evaluation_sets(config)
        fit = self.fit()
        self.trainer = trainer = Trainer(
            config, training_batches(config, pool), self.sets,
            micro_batch=fit.micro_batch, compiled=fit.compile, processes=processes, device=self.device,
        )  # fmt: skip
        resumed = self.load_newest()
        begun = origin(run)
        if begun and trainer.step == begun.get("step"):
            trainer.begin_fork(fit.micro_batch)
        self.recall()
        self.begin_step, self.begin_seconds = trainer.step, trainer.seconds
        card = trainer.device.index or 0 if trainer.device.type == "cuda" else None
        self.machine = MachineMonitor(card)
        around = environment(trainer) if processes.is_first else {}  # it asks git; the others tell nothing
        if processes.is_first:
            with suppress(OSError):  # a full disk
                write_json(run.path / "env.json", around)
        if config.tensorboard and processes.is_first:
            self.board = TensorBoardWriter(run.path / "tensorboard", trainer.step)
        # Events of steps after `step` come from a process that was killed; who follows the run drops them.
        told = {"resumed": resumed, "pid": os.getpid(), "steps": config.steps, "processes": processes.size, "environment": around}
        self.tell(event("started", trainer.step, **told, **asdict(fit)))
        if fit.why:
            self.say(fit.why)
        if processes.size == 1:  # several obey together, and only the first evaluates
            trainer.after_batch = self.obey_within
        for events in trainer.train():
            judged = next((e for e in events if e["type"] == "evaluation"), None)
            if judged:
                self.probe(judged)
            for entry in events:
                self.tell(entry)
                self.say(describe(entry))
                for warning in self.diagnostics.check(entry):
                    self.warn(warning["message"], warning["code"])
            if judged or trainer.step % config.checkpoint_every == 0:
                self.save(judged)
            self.obey()
            self.status("running")
            self.look_at_machine()
            if self.ending:
                break
        if self.ending != "abort" and not self.saved_already():
            self.save()
        trainer.prefetcher.close()
        reason = {"stop": "stopped", "abort": "aborted"}.get(self.ending or "", "done")
        self.tell(
            event("finished", trainer.step, reason=reason, **({"message": trainer.reason} if trainer.reason and not self.ending else {}))
        )
        if self.board:
            self.board.close()
        self.status("stopped" if self.ending else "finished", now=True)

    def fit(self) -> MachineFit:
        """How many examples at once, and whether compiled. The first process decides for all."""
        device = pick_device(self.device or self.config.device)
        first, end = self.processes.rows(self.config.batch_size)
        found = None
        if self.processes.is_first:
            found = asdict(fit_to_machine(self.config, device, self.run_dir.path / "fit.json", rows=end - first))
        return MachineFit(**self.processes.broadcast(found))

    def recall(self) -> None:
        """Best accuracy and warnings so far, from what the run has told, and whether it has told how good it is at this very step."""
        reader = self.run_dir.events()
        here = None
        while lines := reader.lines(1 << 20):
            for old in reader.parse(lines):
                if old["step"] > self.trainer.step:
                    continue
                self.diagnostics.replay(old)
                if old["type"] == "evaluation" and old["values"]:
                    self.best = max(self.best, old["values"]["exact_accuracy"])
                if old["type"] == "evaluation" and old["step"] == self.trainer.step:
                    here, self.trainer.evaluated_at = old, old["step"]
        if here and self.processes.is_first and (here["values"] or {}).get("exact_accuracy", -1.0) >= self.best and self.saved_now():
            self.run_dir.point("best", self.run_dir.checkpoints / f"step_{self.trainer.step:06d}")  # a kill may have come before that

    def saved_now(self) -> bool:
        """Whether the last checkpoint is that of this step."""
        last = self.run_dir.pointer("last")
        return last is not None and last.name == f"step_{self.trainer.step:06d}"

    def load_newest(self) -> bool:
        """Go on from the last checkpoint; from one before it where that is damaged. Whether there was any.

        RunError where there are some and none can be read.
        """
        last = self.run_dir.pointer("last")
        folders = list(dict.fromkeys([*([last] if last else []), *reversed(self.run_dir.all_checkpoints())]))
        taken = None
        if self.processes.is_first:
            taken = next((folder for folder in folders if self._load(folder)), None)
        taken = self.processes.broadcast(taken)
        if taken is None:
            if folders:
                raise RunError(f"{self.run_dir.checkpoints}: no checkpoint here can be read. Delete this folder to begin the run anew.")
            return False
        if not self.processes.is_first:
            if not self._load(taken):
                raise RunError(f"{taken}: the first process could read this checkpoint, process {self.processes.rank} cannot")
            return True
        if taken != last:
            self.run_dir.point("last", taken)
        # Later steps are computed again; a damaged folder of their name must not stand in the way.
        for later in self.run_dir.all_checkpoints():
            if later > taken:
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
            self.warn(f"{folder}: this checkpoint cannot be read ({first_line(error)}); going on from the one before it.", "damaged")
            return False
        return True

    def say(self, text: str) -> None:
        """A line of the log, once and not by every process."""
        if self.processes.is_first:
            say(text)

    def warn(self, message: str, code: str) -> None:
        """Say it in the log and in the events."""
        self.say(message)
        self.tell(event("warning", self.trainer.step, code=code, message=message))

    def tell(self, entry: Event) -> None:
        """Append to the run's events. While the disk is full they wait here, and training goes on."""
        if not self.processes.is_first:
            return
        if self.board:
            with suppress(OSError):  # a full disk
                self.board.add(entry)
        self._untold.append(entry)
        try:
            while self._untold:
                self.run_dir.emit(self._untold[0])
                self._untold.pop(0)
        except OSError:
            pass

    def saved_already(self) -> bool:
        return bool(self.processes.broadcast(self.saved_now()))

    def obey(self) -> None:
        paused = False
        while True:
            asked = self.commands.read() if self.processes.is_first else []
            if self.commands.broken:
                self.commands.broken = 0
                self.warn(
                    f'{self.run_dir.commands_file}: a line here is no command and was left out. One is {{"v": 1, "type": "stop"}}, say.',
                    "command",
                )
            asked, self.ending = self.processes.broadcast((asked, self.ending))
            for command in asked:
                kind = command["type"]
                if kind == "save":
                    self.save()
                elif kind in ("stop", "abort"):
                    self.ending = kind
                elif kind in ("pause", "resume") and paused != (kind == "pause"):
                    paused = kind == "pause"
                    self.tell(event("paused" if paused else "resumed", self.trainer.step))
            if not paused or self.ending:
                return
            self.status("paused")
            time.sleep(0.1)

    def obey_within(self) -> None:
        """The same within an evaluation, which a stop leaves: the run begins with it when it goes on."""
        self.obey()
        self.status("running")
        if self.ending:
            raise EvaluationCancelled

    def save(self, evaluation: Event | None = None) -> None:
        """A checkpoint folder, written beside, flushed to disk, and renamed. A full disk is told and survived."""
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
            exact = (evaluation or {}).get("values", {}).get("exact_accuracy", -1.0)
            if evaluation is not None and (exact >= self.best or run.pointer("best") is None):
                self.best = exact
                run.point("best", folder)
            run.prune(self.config.keep_checkpoints, self.config.checkpoint_every)
            self.tell(event("saved", trainer.step, checkpoint=folder.name))
            self.look_at_disk(folder)
        except OSError as error:
            self.warn(
                f"{folder}: this checkpoint could not be written ({error.strerror or error}); the one before it is whole. Make room on the disk.",
                "disk-full",
            )

    def look_at_disk(self, folder: Path) -> None:
        """Warn while there is still room for some checkpoints."""
        size = sum(file.stat().st_size for file in folder.iterdir())
        free = free_bytes(folder)
        little = free < max(4 * size, _LITTLE)
        if little and not self.little_space:
            self.warn(
                f"{folder}: only {free / 1e6:,.0f} MB are free here and a checkpoint takes {size / 1e6:,.0f} MB. "
                "Make room soon; training goes on without saving once the disk is full.",
                "disk",
            )
        self.little_space = little

    def probe(self, evaluation: Event) -> None:
        """Trace the probe puzzles; the evaluation tells in which file."""
        if not self.processes.is_first or not self.config.probe_puzzles or not self.sets:
            return
        file = self.run_dir.probes / f"step_{self.trainer.step:06d}.h5"
        try:
            write_probes(self.trainer.averaged_model(), self.config, self.sets, file, f"{self.run_dir.path.name} {file.stem}")
        except OSError as error:
            self.warn(f"The probe puzzles' traces could not be written: {error}", "disk-full")
        else:
            evaluation["probe"] = f"{self.run_dir.probes.name}/{file.name}"

    def look_at_machine(self) -> None:
        now = time.monotonic()
        if self.processes.is_first and now - self.last_machine >= _MACHINE_EVERY:
            self.last_machine = now
            self.tell(event("machine", self.trainer.step, values=self.machine.read()))

    def status(self, state: str, now: bool = False) -> None:
        if not self.processes.is_first or (not now and time.monotonic() - self.last_status < _STATUS_EVERY):
            return
        self.last_status = time.monotonic()
        trainer, done = self.trainer, self.trainer.step - self.begin_step
        rate = done / max(1e-9, trainer.seconds - self.begin_seconds) if done else None
        left = (self.config.steps - trainer.step) / rate if rate else None
        if left is not None and self.config.minutes:
            left = min(left, 60 * self.config.minutes - trainer.seconds)
        with suppress(OSError):  # a full disk
            self.run_dir.write_status(
                state=state, step=trainer.step, steps=self.config.steps, steps_per_second=rate and round(rate, 3),
                eta_seconds=None if left is None else round(max(0.0, left), 1), device=str(trainer.device),
            )  # fmt: skip


def write_state(state: dict[str, Any], file: Path) -> None:
    """torch.save that fails with OSError on a full disk; by itself it tells of one in words of its own."""
    memory = io.BytesIO()
    torch.save(state, memory)
    file.write_bytes(memory.getbuffer())


def say(text: str) -> None:
    """A line of the log; nobody may be listening, and its disk may be full."""
    with suppress(OSError):
        print(text, flush=True)


def environment(trainer: Trainer) -> dict[str, Any]:
    """What decides whether a run can be repeated."""
    here = Path(__file__).parent
    git = shutil.which("git") and subprocess.run(
        ["git", "-C", str(here), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "python": platform.python_version(), "torch": torch.__version__, "platform": platform.platform(), "device": str(trainer.device),
        "dtype": trainer.model.config.forward_dtype, "threads": torch.get_num_threads(), "seed": trainer.config.seed,
        "git": git.stdout.strip() if git and git.returncode == 0 else None,
    }  # fmt: skip

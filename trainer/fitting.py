"""How a run is fitted to the machine it runs on: how many examples at once, and whether one segment is compiled.

Nothing here is hoped: memory is worked out from what one example keeps for its backward, and compiling is tried by a child process,
so that a compiler that fails, hangs or makes things slower costs a minute and no run.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from hrm_model.files import write_json
from trainer.config import RunConfig, write_config
from trainer.measure import memory_needs
from trainer.memory import MEMORY_SHARE, free_memory, rows_that_fit

_WORTH = 20 * 60.0  # seconds that a run must last before compiling is tried
_GAIN = 1.05  # as many times faster a compiled step must be
_PATIENCE = 600.0  # seconds for the child


@dataclass(frozen=True)
class MachineFit:
    """What was decided, where, and why; kept in the run directory so that a run that is started again there decides the same."""

    device: str
    micro_batch: int
    compile: bool
    why: str = ""
    machine: str = ""  # a compiler of another machine, or of another torch, proves nothing here
    rows: int = 0  # examples of a batch that there were to cut

    def is_as_asked(self, config: RunConfig) -> bool:
        """Whether it is what a configuration, edited since perhaps, wants to have; "auto" wants what was found."""
        cut = config.micro_batch == "auto" or self.micro_batch == min(config.micro_batch, self.rows)
        return cut and config.compile in ("auto", "on" if self.compile else "off")


def this_machine() -> str:
    """What tells this machine and its torch from others."""
    return f"{platform.node()} {platform.machine()}, torch {torch.__version__}"


def fit_to_machine(
    config: RunConfig, device: torch.device, file: Path, *, rows: int, free: Callable[[torch.device], int] = free_memory
) -> MachineFit:
    """The fit of a run on this device: what `file` keeps of an earlier start if that still is as asked, else found now and kept there.

    `rows`: examples of a batch that this process works on.
    """
    kept = _read(file)
    if kept is not None and (kept.device, kept.machine, kept.rows) == (str(device), this_machine(), rows) and kept.is_as_asked(config):
        return kept
    micro_batch, why = rows, []
    if isinstance(config.micro_batch, int):
        micro_batch = min(config.micro_batch, rows)
    else:
        needed = memory_needs(config, device)
        there = free(device)
        micro_batch = rows_that_fit(there, fixed=needed.fixed, per_row=needed.per_row, batch=rows, share=MEMORY_SHARE[device.type])
        if micro_batch < rows:
            why.append(
                f"{micro_batch} of {rows} examples at once: one takes {needed.per_row / 1e6:.0f} MB, and {there / 1e9:.1f} GB are free on {device}."
            )
    compiled = config.compile == "on"
    if config.compile == "auto":
        compiled, said = try_compile(config, device, micro_batch)
        why.append(said)
    fit = MachineFit(str(device), micro_batch, compiled, " ".join(filter(None, why)), this_machine(), rows)
    with suppress(OSError):  # a full disk: found again next time
        write_json(file, asdict(fit))
    return fit


def _read(file: Path) -> MachineFit | None:
    try:
        return MachineFit(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def try_compile(
    config: RunConfig, device: torch.device, micro_batch: int, run: Callable[..., dict[str, Any]] | None = None
) -> tuple[bool, str]:
    """Whether compiled segments are quicker here, and what to say of it. `run` measures in a child process."""
    if config.minutes is not None and 60 * config.minutes < _WORTH:
        return False, ""
    print("seeing how long this will take, and whether compiling pays", flush=True)
    measure = run or measure_in_child
    begin = time.monotonic()
    changes = {"device": str(device), "micro_batch": micro_batch, "evaluation": ()}
    plain = measure(config.model_copy(update={**changes, "compile": "off"}))
    if "error" in plain:
        return False, f"Not compiled: no step could be measured ({plain['error']})."
    if plain["training_seconds"] < _WORTH:
        return False, ""
    compiled = measure(config.model_copy(update={**changes, "compile": "on"}))
    spent = f"tried for {time.monotonic() - begin:.0f} s"
    if "error" in compiled:
        return False, f"Not compiled: {compiled['error']} ({spent})."
    gain = plain["seconds_per_step"] / compiled["seconds_per_step"]
    saved = plain["training_seconds"] * (1 - 1 / gain) - compiled["compile_seconds"]
    how = f"a step is {gain:.2f} times as fast ({spent})."
    return (True, f"Compiled: {how}") if gain >= _GAIN and saved > 0 else (False, f"Not compiled: {how}")


def measure_in_child(config: RunConfig, timeout: float = _PATIENCE) -> dict[str, Any]:
    """`python -m trainer --measure` of a configuration; {'error': …} where it failed."""
    with tempfile.TemporaryDirectory(prefix="hrm-probe-") as folder:
        file = Path(folder) / "config.yaml"
        write_config(config, file)
        here = str(Path(__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])}
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
            environment.pop(name, None)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "trainer", "--measure", str(file)], capture_output=True, text=True, timeout=timeout, env=environment,
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"error": f"the trial took longer than {timeout / 60:.0f} minutes"}
        except OSError as error:
            return {"error": str(error)}
    try:
        found: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    except ValueError:
        words = done.stderr.strip().rpartition("\n")[2][:300]
        return {"error": words or f"the trial ended with {done.returncode}"}
    return found

"""Fits a run to the machine: how many examples to compute at once, and whether to compile a segment.

Memory is calculated from what one example keeps for its backward. Compiling is tried in a child process, so that a compiler that fails,
hangs or makes steps slower costs a minute and not the run.
"""

from __future__ import annotations

import json
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

from hrm_model.children import child_environment
from hrm_model.device import pick_training_dtype
from hrm_model.files import write_json
from hrm_model.native import units as native
from trainer.config import RunConfig, write_config
from trainer.measure import memory_needs, rows_at_once
from trainer.memory import MEMORY_SHARE, free_memory, rows_that_fit

_WORTH = 20 * 60.0  # seconds; compiling is not tried for a shorter run
_GAIN = 1.05  # a compiled step must be so many times as fast
_TIMEOUT = 600.0  # seconds for the child process


@dataclass(frozen=True)
class MachineFit:
    """What was decided, on which device, and why. Kept as fit.json in the run directory, so that a resumed run decides the same."""

    device: str
    micro_batch: int
    compile: bool
    why: str = ""
    machine: str = ""  # `this_machine()`: what was found on another machine or torch does not hold here
    rows: int = 0  # rows of a batch that this process computes

    def matches(self, config: RunConfig) -> bool:
        """Whether it is what the configuration asks for, which may have been edited since. 'auto' accepts what was found."""
        cut = config.micro_batch == "auto" or self.micro_batch == min(config.micro_batch, self.rows)
        return cut and config.compile in ("auto", "on" if self.compile else "off")


def this_machine() -> str:
    """This machine and its version of torch, as a name."""
    return f"{platform.node()} {platform.machine()}, torch {torch.__version__}"


def fit_to_machine(
    config: RunConfig, device: torch.device, file: Path, *, rows: int, free: Callable[[torch.device], int] = free_memory
) -> MachineFit:
    """Fit a run to this device. The result is kept in `file` and reused as long as it matches the configuration.

    `rows`: rows of a batch that this process computes. `free`: gives the free memory of a device, in bytes.
    """
    kept = _read(file)
    if kept is not None and (kept.device, kept.machine, kept.rows) == (str(device), this_machine(), rows) and kept.matches(config):
        return kept
    micro_batch, why = rows, []
    if isinstance(config.micro_batch, int):
        micro_batch = min(config.micro_batch, rows)
    else:
        needed = memory_needs(config, device, rows=rows)
        there = free(device)
        fitting = rows_that_fit(there, fixed=needed.fixed, per_row=needed.per_row, batch=rows, share=MEMORY_SHARE[device.type])
        micro_batch = rows_at_once(config, device, needed, there, rows)
        if micro_batch < fitting:
            why.append(
                f"{micro_batch} of {rows} examples at once: more take memory and time until a command is obeyed, and are not faster here."
            )
        elif micro_batch < rows:
            why.append(
                f"{micro_batch} of {rows} examples at once: one takes {needed.per_row / 1e6:.0f} MB, and {device} has {there / 1e9:.1f} GB free."
            )
    compiled = config.compile == "on"
    if config.compile == "auto" and not in_native_code(config, device):
        compiled, said = try_compile(config, device, micro_batch)
        why.append(said)
    fit = MachineFit(str(device), micro_batch, compiled, " ".join(filter(None, why)), this_machine(), rows)
    with suppress(OSError):  # a full disk: decided again next time
        write_json(file, asdict(fit))
    return fit


def in_native_code(config: RunConfig, device: torch.device) -> bool:
    """Whether training steps are computed in C++ here, which is faster than torch, compiled or not."""
    dtype = pick_training_dtype(device, config.dtype, config.model.mixer)
    return native.usable(config.model.model_copy(update={"forward_dtype": dtype}), device)


def _read(file: Path) -> MachineFit | None:
    try:
        return MachineFit(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def try_compile(
    config: RunConfig, device: torch.device, micro_batch: int, run: Callable[..., dict[str, Any]] | None = None
) -> tuple[bool, str]:
    """Whether a compiled segment is faster here, and a sentence about it. `run` measures a configuration, by default in a child process."""
    if config.minutes is not None and 60 * config.minutes < _WORTH:
        return False, ""
    print("Measuring how long this run takes, and whether compiling makes it faster.", flush=True)
    measure = run or measure_in_child
    begin = time.monotonic()
    changes = {"device": str(device), "micro_batch": micro_batch, "evaluation": ()}
    plain = measure(config.model_copy(update={**changes, "compile": "off"}))
    if "error" in plain:
        return False, f"Not compiled: measuring a step failed ({plain['error']})."
    if plain["training_seconds"] < _WORTH:
        return False, ""
    compiled = measure(config.model_copy(update={**changes, "compile": "on"}))
    spent = f"measured in {time.monotonic() - begin:.0f} s"
    if "error" in compiled:
        return False, f"Not compiled: {compiled['error']} ({spent})."
    gain = plain["seconds_per_step"] / compiled["seconds_per_step"]
    saved = plain["training_seconds"] * (1 - 1 / gain) - compiled["compile_seconds"]
    how = f"a compiled step is {gain:.2f} times as fast ({spent})."
    return (True, f"Compiled: {how}") if gain >= _GAIN and saved > 0 else (False, f"Not compiled: {how}")


def measure_in_child(config: RunConfig, timeout: float = _TIMEOUT) -> dict[str, Any]:
    """Run `python -m trainer --measure` on a configuration. {'error': …} if it fails."""
    with tempfile.TemporaryDirectory(prefix="hrm-probe-") as folder:
        file = Path(folder) / "config.yaml"
        write_config(config, file)
        environment = child_environment()
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
            environment.pop(name, None)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "trainer", "--measure", str(file)], capture_output=True, text=True, timeout=timeout, env=environment,
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"error": f"measuring took longer than {timeout / 60:.0f} minutes"}
        except OSError as error:
            return {"error": str(error)}
    try:
        found: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    except ValueError:
        words = done.stderr.strip().rpartition("\n")[2][:300]
        return {"error": words or f"the measuring process exited with code {done.returncode}"}
    return found

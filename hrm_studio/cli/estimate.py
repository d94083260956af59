"""What a run would take here, told before it starts: measured by `python -m trainer --measure`, once for each configuration."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hrm_studio.services.trainer_process import spawn
from hrm_studio.units import about, duration, size
from trainer.config import RunConfig, write_config
from trainer.runs.estimate import MeasuredCost, cost_key, cost_of, disk_bytes, estimates_file, keep_cost, known_costs, run_seconds, slow_row

_LONGEST = 60.0  # seconds for a measurement
_SHORT = 3.0  # minutes; a run with such a limit says itself how long it takes
_POLL = 0.1


def estimate(config: RunConfig, interrupted: Callable[[], bool], say: Callable[[str], None]) -> str:
    """A sentence about time, memory and disk; '' if the run's time limit is short, or if `interrupted` became true."""
    if config.minutes is not None and config.minutes <= _SHORT:
        return ""
    found: MeasuredCost | str | None = known_costs(estimates_file()).get(cost_key(config))
    if found is None:
        say("measuring what this run takes …")
        found = _measured(config, interrupted)
        if isinstance(found, MeasuredCost):
            keep_cost(estimates_file(), cost_key(config), found)
    return _sentence(config, found) if isinstance(found, MeasuredCost) else found


def _sentence(config: RunConfig, cost: MeasuredCost) -> str:
    limit = f", with a limit of {config.minutes:g} minutes" if config.minutes else ""
    each = duration(cost.seconds_per_step) if cost.seconds_per_step >= 10 else f"{cost.seconds_per_step:.2g} s"
    return (
        f"estimate: at most about {about(run_seconds(config, cost))} on {cost.device} ({config.steps:,} steps of {each}{limit}), "
        f"{size(cost.memory)} of memory, {size(disk_bytes(config, cost))} of disk"
    )


def _measured(config: RunConfig, interrupted: Callable[[], bool]) -> MeasuredCost | str:
    """The cost, or a sentence why it is not known; '' if it was interrupted."""
    with tempfile.TemporaryDirectory(prefix="hrm-probe-", ignore_cleanup_errors=True) as folder:
        file, told = Path(folder) / "config.yaml", Path(folder) / "told"
        write_config(config, file)
        with told.open("wb") as out:
            child = spawn(["-m", "trainer", "--measure", str(file)], out)
        end = time.monotonic() + _LONGEST
        try:
            while child.poll() is None and time.monotonic() < end and not interrupted():
                time.sleep(_POLL)
        finally:
            child.kill()
            child.wait()
        if interrupted():
            return ""
        answer = _last_object(told)
    if "device" in answer:
        return cost_of(answer)
    why = answer.get("error") or slow_row(config, answer) or f"no step was done in {_LONGEST:.0f} seconds"
    return f"no estimate: {why}"


def _last_object(file: Path) -> dict[str, Any]:
    """The last JSON object that the measuring process printed; {} if there is none."""
    for line in reversed(file.read_text(encoding="utf-8", errors="replace").splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            return found if isinstance(found, dict) else {}
    return {}

"""Small runs for tests, and what their events say."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from trainer.config import RunConfig
from trainer.presets import preset
from trainer.runs.events import event
from trainer.runs.run_dir import RunDir

Start = Callable[[Path], subprocess.Popen[bytes]]  # the fixture `start`: a trainer for this run folder


def small(**changes: object) -> RunConfig:
    config = preset("sudoku-4x4").model_dump() | {
        "steps": 40, "minutes": None, "batch_size": 16, "log_every": 1, "evaluate_every": 20, "checkpoint_every": 7, "threads": 1,
        "puzzles": [{"clues": 6, "count": 64}], "evaluation": [{"clues": 6, "count": 16}], "evaluation_segments": 2, "stop_at_exact": None, "probe_puzzles": 0, "compile": "off", "device": "cpu",
    }  # fmt: skip
    return RunConfig.model_validate(config | changes)


def figures(run: RunDir) -> list[tuple[str, int, dict[str, float]]]:
    """Metrics and evaluations in order; a resumed run replaces what a killed process reported of later steps."""
    found: list[tuple[str, int, dict[str, float]]] = []
    for entry in run.events().read():
        if entry["type"] == "started":
            found = [f for f in found if f[1] <= entry["step"]]
        elif entry["type"] in ("metrics", "evaluation"):
            found.append((entry["type"], entry["step"], entry["values"]))
    return found


def of_kind(run: RunDir, kind: str) -> list[dict[str, Any]]:
    """Its events of one type."""
    return [e for e in run.events().read() if e["type"] == kind]


def newest_step(run: RunDir) -> int:
    return max((step for _, step, _ in figures(run)), default=0)


def wait_for(condition: object, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, f"not so after {seconds:.0f} s"
        time.sleep(0.02)


def kill_trainers(folder: Path) -> int:
    """Kill all trainers of runs in a folder, whoever started them, and wait for them. Returns their number."""
    killed = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            if command[1:3] == ["-m", "trainer"] and any(Path(part).is_relative_to(folder) for part in command[3:]):
                process.kill()
                killed.append(process)
    psutil.wait_procs(killed, timeout=60)
    return len(killed)


def small_maze(**changes: object) -> RunConfig:
    model = preset("sudoku-4x4").model.model_dump() | {
        "seq_len": 49, "vocab_size": 6, "hidden_size": 32, "puzzle_emb_ndim": 32, "box_height": 0, "box_width": 0,
    }  # fmt: skip
    config = {
        "task": "maze-7x7", "model": model, "puzzles": [{"min_path": 6, "count": 300}, {"min_path": 12, "max_path": 14, "count": 50}],
        "evaluation": [{"min_path": 8, "count": 20}, {"min_path": 12, "max_path": 14, "count": 10}],
    }  # fmt: skip
    return small(**(config | changes))


def recorded(folder: Path, **changes: object) -> RunDir:
    """A run directory as a trainer leaves it, without a trainer."""
    run = RunDir.create(folder, small(**changes))
    run.emit(event("started", 0, resumed=False, steps=40))
    for step in range(1, 41):
        run.emit(event("metrics", step, values={"loss": 1 / step, "lr": 1e-3}, phase=0, examples=16 * step, seconds=step / 50))
        if step % 20 == 0:
            sets = {"6 clues": {"puzzles": 16, "exact": step / 80, "low": 0.1, "high": 0.9, "cells": 0.9, "mean_segments": 2.0}}
            run.emit(event("evaluation", step, values={"exact_accuracy": step / 80, "accuracy": 0.9}, sets=sets, seconds=step / 50))
    run.emit(event("finished", 40, reason="done"))
    run.write_status(state="finished", step=40, steps=40)
    return run


def small_symmetric(**changes: object) -> RunConfig:
    """The recipe of sudoku-quick at half its width on 4×4 boards."""
    quick = preset("sudoku-quick")
    model = quick.model.model_dump() | {"seq_len": 16, "vocab_size": 6, "hidden_size": 16}
    names = ("optimizer", "lr", "muon_lr", "q_weight", "end_when_right", "augment", "easier_copies")
    return small(**({"model": model} | {name: getattr(quick, name) for name in names} | changes))


def small_maze_of_every_size(**changes: object) -> RunConfig:
    """The recipe of maze-quick at half its width on mazes of 4 to 7 cells along a side."""
    quick = preset("maze-quick")
    model = quick.model.model_dump() | {"seq_len": 64, "hidden_size": 16, "L_cycles": 2}
    names = ("optimizer", "lr", "muon_lr", "q_weight", "end_when_right", "augment", "easier_copies", "reach")
    sets = {
        "puzzles": [{"sides": (4, 7), "count": 200}, {"sides": (7, 8), "count": 20, "from_step": 20}],
        "evaluation": [{"sides": (5, 5), "count": 8}, {"sides": (4, 9), "count": 8}],
    }
    own = {"task": "maze-8x8", "model": model, **sets}
    return small(**(own | {name: getattr(quick, name) for name in names} | changes))

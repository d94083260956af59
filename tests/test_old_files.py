"""Files of version 0.1.0 still open and give what they gave then. tests/data/before_0.2/README.md describes them.

Files are only read: no model computes, so the result is the same on every machine."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from hrm_model.checkpoint.format import load, sha256
from hrm_model.checkpoint.inspect import inspect
from hrm_model.trace.data import Trace
from hrm_model.trace_file.io import TraceReader, check
from hrm_studio.main_window import MainWindow
from hrm_studio.models.bookmarks import Bookmarks
from hrm_studio.models.recent_puzzles import RecentPuzzles
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.models.trace_shelf import Shelf
from hrm_studio.theme import Theme
from tests.paths import DATA
from trainer.data.batches import cached_pool, training_batches
from trainer.fitting import MachineFit
from trainer.loop import Trainer
from trainer.results import ResultFile, saved_results
from trainer.runs.estimate import from_json
from trainer.runs.events import LineReader
from trainer.runs.log import RunLog, Table, parse_events
from trainer.runs.manage import origin
from trainer.runs.run_dir import RunDir
from trainer.runs.summary import SummaryReader, environment, last_log_line

OLD = DATA / "before_0.2"
EXPECTED: dict[str, Any] = json.loads((OLD / "expected.json").read_text(encoding="utf-8"))


def told(array: Any) -> str:
    """Type, shape and SHA-256 of an array or a tensor."""
    if isinstance(array, torch.Tensor):
        array = array.detach().cpu()
        array = array.view(torch.int16).numpy() if array.dtype == torch.bfloat16 else array.numpy()
    array = np.ascontiguousarray(array)
    return f"{array.dtype.str} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"


def of_trace(trace: Trace) -> dict[str, Any]:
    arrays = {name: getattr(trace, name) for name in Trace.__dataclass_fields__ if name not in ("puzzle", "model")}
    arrays |= {"given": trace.puzzle.given, "solution": trace.puzzle.solution}
    return {
        "arrays": {name: None if a is None else told(a) for name, a in arrays.items()}, "model": asdict(trace.model),
        "puzzle": [trace.puzzle.task, trace.puzzle.text, trace.puzzle.identifier],
    }  # fmt: skip


def of_trace_file(path: Path) -> dict[str, Any]:
    found = {}
    with TraceReader(path) as reader:
        for name in reader.names:
            more = reader.extras(name)
            found[name] = of_trace(reader.read(name)) | {
                "about": asdict(reader.about(name)), "title": more.title, "branch": [more.parent, more.parent_step],
                "records": [[r.kind, dict(r.about), {key: told(a) for key, a in r.arrays.items()}] for r in more.records],
                "attention": {f"{step} {layer}": told(a) for (step, layer), a in more.attention.items()},
            }  # fmt: skip
        return {"version": reader.version, "interrupted": reader.interrupted, "traces": found}


def of_checkpoint(path: Path) -> dict[str, Any]:
    found = inspect(path)
    assert found.config is not None
    assert found.fault == ""
    return {
        "config": found.config.model_dump(), "kind": found.kind, "format": found.file.kind, "prefix": found.prefix,
        "assumed": [f.name for f in found.inferred if f.assumed], "about": inspect(path).given.extra, "sha256": sha256(path),
        "tensors": [[name, told(t)] for name, t in load(path, "cpu", "float32").state_dict().items()],
    }  # fmt: skip


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested dicts and lists as one dict; tensors by type, shape and hash."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else None
    if pairs is None:
        return {name: told(value) if isinstance(value, torch.Tensor) else value}
    return {key: v for k, inner in pairs for key, v in flat(inner, f"{name}/{k}").items()}


def of_table(table: Table) -> dict[str, list[float | None]]:
    return {n: [None if math.isnan(x) else float(f"{x:.6g}") for x in table[n].tolist()] for n in table.names}


def of_state(run: RunDir, folder: Path) -> dict[str, Any]:
    """A trainer that goes on from a checkpoint, as `trainer.runner` makes it."""
    trainer = Trainer(run.config(), training_batches(run.config(), run.path / "pool.npz"))
    trainer.load_state_dict(torch.load(folder / "training_state.pt", weights_only=True))
    trainer.prefetcher.close()
    return flat(trainer.state_dict())


def of_run(path: Path) -> dict[str, Any]:
    run = RunDir(path)
    events, log = run.events().read(), RunLog()
    log.apply(parse_events(events))
    summary = SummaryReader(path).update(0.0)
    pool = run.path / "pool.npz"
    before = pool.read_bytes()
    pool_told = [told(a) for a in cached_pool(run.config(), pool)]
    assert pool.read_bytes() == before  # read, not made again
    return {
        "config": run.config().model_dump(mode="json"), "status": run.status(), "pool": pool_told,
        "origin": origin(run), "last words": last_log_line(path),
        "summary": {name: value for name, value in asdict(summary).items() if name not in ("path", "created", "size", "model")},
        "model": summary.model and summary.model.name, "environment": environment(path),
        "fit": asdict(MachineFit(**json.loads((path / "fit.json").read_text()))),
        "events": [[e["type"], e["step"], e.get("values")] for e in events], "commands": LineReader(run.commands_file).read(),
        "metrics": of_table(log.metrics), "evaluations": of_table(log.evaluations), "marks": [[m.kind, m.step, m.text] for m in log.marks],
        "pointers": [p and p.name for p in map(run.pointer, ("last", "best"))], "as a checkpoint": of_checkpoint(path),
        "checkpoints": {f.name: {"model": of_checkpoint(f), "state": of_state(run, f)} for f in run.all_checkpoints()},
        "probes": {f.name: of_trace_file(f) for f in sorted(run.probes.glob("*"))},
    }  # fmt: skip


def of_home(home: Path) -> dict[str, Any]:
    """What the studio keeps between two starts. HRM_STUDIO_HOME must name this folder."""
    settings, shelf = QSettings(str(home / "studio.ini"), QSettings.Format.IniFormat), Shelf(home / "traces")
    kept = shelf.all()
    notes = {}
    for each in kept:
        traces = TraceModel()
        marks = Bookmarks(traces, settings)
        with TraceReader(each.path) as reader:
            traces.open(reader.read("trace"))
        notes[each.path.name] = {str(step): note for step, note in marks.notes.items()}
    parts = {
        p.name: ResultFile(p.parent, p.name.removesuffix(".part.npz")).load_part() for p in sorted(home.glob("evaluations/*/*.part.npz"))
    }
    return {
        "estimates": {k: asdict(m) for k, m in from_json((home / "estimates.json").read_text()).items()},
        "evaluations": list(saved_results()), "faults": list(shelf.faults.values()),
        "parts of evaluations": {name: part and {k: told(a) for k, a in vars(part).items()} for name, part in parts.items()},
        "traces": {k.path.name: {name: v for name, v in asdict(k).items() if name != "path"} for k in kept},
        "bookmarks": notes, "recent puzzles": [[task.name, grid.tolist()] for task, grid in RecentPuzzles(settings).all()],
    }  # fmt: skip


def of_window(window: MainWindow) -> dict[str, Any]:
    """What a window that opens with these settings takes from them."""
    window.show_page("library")
    window.show_page("train")
    library, curves, keys = window.page("library").library, window.page("train").curves, window.actions_table  # type: ignore[attr-defined]
    return {
        "recent files": [p.as_posix() for p in window.opener.recent()], "limit": window.trace_library.limit_mb,
        "theme": window.settings.value("theme"),
        "hub": [library.stored(name) for name in ("endpoint", "cache", "offline")], "recent models": library._kept("recent_models"),
        "shortcuts": {name: keys.shortcut(name) for name in ("palette", "theme")}, "curves": [curves.settings.x, curves.settings.smoothing],
        "hidden panels": [title for title, dock in window.explore.docks.items() if dock.isHidden()],
    }  # fmt: skip


_OF_LATER_TORCH = {"/optimizer/adamw/param_groups/0/decoupled_weight_decay"}  # torch 2.6 does not know it


def same(found: Any, wanted: Any, where: str = "") -> None:
    """A later version may report more than an older one, but not less, and no different values."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        assert set(found) | _OF_LATER_TORCH >= set(wanted), where
        for name, value in wanted.items():
            if name in found or name not in _OF_LATER_TORCH:
                same(found[name], value, f"{where}/{name}")
    elif isinstance(wanted, list) and any(isinstance(value, dict) for value in wanted):
        assert len(found) == len(wanted), where
        for k, (one, other) in enumerate(zip(found, wanted, strict=True)):
            same(one, other, f"{where}/{k}")
    else:
        assert json.loads(json.dumps(found)) == wanted, where


@pytest.mark.parametrize("name", EXPECTED["traces"])
def test_trace(name: str) -> None:
    same(of_trace_file(DATA / name), EXPECTED["traces"][name])
    assert [e.name for e in check(DATA / name)] == list(EXPECTED["traces"][name]["traces"])


@pytest.mark.parametrize("name", EXPECTED["checkpoints"])
def test_checkpoint(name: str) -> None:
    same(of_checkpoint(DATA / name), EXPECTED["checkpoints"][name])


@pytest.mark.parametrize("name", EXPECTED["runs"])
def test_run_and_going_on_with_it(name: str, tmp_path: Path) -> None:
    run = shutil.copytree(OLD / name, tmp_path / name)
    same(of_run(run), EXPECTED["runs"][name])


def test_home_of_the_studio(qtbot: QtBot, tmp_path: Path) -> None:
    home = shutil.copytree(OLD / "home", tmp_path / "home")
    same(of_home(home), EXPECTED["home"]["files"])
    window = MainWindow(Theme("light"))
    qtbot.addWidget(window)
    same(of_window(window), EXPECTED["home"]["window"])
    window.close()

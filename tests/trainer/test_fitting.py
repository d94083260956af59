"""How a run is fitted to the machine. Devices that this machine does not have are faked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.paths import ROOT
from tests.support.runs import small
from trainer import fitting as fit
from trainer import measure
from trainer.__main__ import main
from trainer.config import write_config
from trainer.fitting import MachineFit, fit_to_machine, try_compile
from trainer.memory import rows_that_fit
from trainer.presets import preset
from trainer.runner import Runner
from trainer.runs.run_dir import RunDir

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("free_gb", "rows"),
    [(80, 384), (20, 192), (8, 96), (6, 77), (2, 20), (0.1, 1)],  # a card of 8 GB takes a quarter of the published batch at a time
)
def test_rows_at_once_fit_into_the_free_memory(free_gb: float, rows: int) -> None:
    fixed, per_row = 550_000_000, 40_000_000
    free = int(free_gb * 1e9)
    found = rows_that_fit(free, fixed=fixed, per_row=per_row, batch=384, share=0.85)
    assert found == rows
    assert found == 1 or fixed + found * per_row < 0.85 * free
    parts = -(-384 // found)
    assert parts * found - 384 < parts  # parts of nearly equal size


def test_memory_per_row_grows_with_depth_width_and_precision() -> None:
    shallow = small(dtype="float32", q_continue=False)
    model = shallow.model.model_copy(update={"gradient": "step"})
    deep, low = (measure.memory_needs(c, CPU) for c in (shallow, shallow.model_copy(update={"dtype": "bfloat16"})))
    once = measure.memory_needs(shallow.model_copy(update={"model": model}), CPU)
    assert once.per_row < 0.55 * deep.per_row  # two of six module calls have a gradient
    assert low.per_row < 0.75 * deep.per_row
    parameters = sum(p.numel() for p in measure.Trainer(shallow, measure.RandomBatches(shallow)).model.parameters())
    states = 2 * measure.carry_bytes(shallow, 16)  # of the batch, before and after a step
    assert deep.fixed - states == pytest.approx(4 * 5 * parameters, rel=0.2)  # weights, gradients, two moments, average
    large = measure.memory_needs(shallow.model_copy(update={"batch_size": 1024}), CPU)
    assert large.fixed - deep.fixed == 2 * measure.carry_bytes(shallow, 1008) == 2 * 1008 * 2 * 4 * 17 * 64


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells its peak on Linux only")
def test_memory_per_row_is_what_training_takes() -> None:
    """Against the allocator's own peak, of a process that trains 512 and then 1,024 examples at once."""
    script = """
import gc, re
from pathlib import Path
from tests.support.runs import small
from trainer.measure import RandomBatches, Trainer
def peak():  # not getrusage's: a child inherits its parent's there
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
for rows in (512, 1024):
    config = small(batch_size=rows, dtype="float32", threads=1)
    trainer = Trainer(config, RandomBatches(config))
    trainer.train_step()
    print(peak())
    del trainer
    gc.collect()
"""
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    few, many = map(int, run.stdout.split())
    per_row = (many - few) / 512
    assert measure.memory_needs(small(dtype="float32"), CPU).per_row == pytest.approx(per_row, rel=0.5)


def test_little_free_memory_gives_micro_batches_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small(steps=4, evaluate_every=100)
    needed = measure.memory_needs(config, CPU)
    free = int((needed.fixed + 5.5 * needed.per_row) * 1.25 / 0.7)
    monkeypatch.setattr(fit, "free_memory", lambda device: free)
    assert fit_to_machine(config, CPU, tmp_path / "fit.json", rows=16, free=lambda device: free).micro_batch == 4
    run = RunDir.create(tmp_path / "run", config)
    (run.path / "fit.json").write_text((tmp_path / "fit.json").read_text())
    Runner(run).run()
    started = run.events().read()[0]
    assert started["micro_batch"] == 4
    assert "4 of 16 examples at once" in started["why"]
    # A resumed run decides the same, whatever is free then.
    again = fit_to_machine(config, CPU, run.path / "fit.json", rows=16, free=lambda device: 1 << 40)
    assert again.micro_batch == 4


def test_on_a_cpu_a_large_model_computes_few_rows_at_once_however_much_memory_is_free() -> None:
    maze, sudoku, small_one = preset("maze-30x30-hard"), preset("sudoku-extreme-1k"), preset("sudoku-9x9")
    needed = measure.MemoryNeeds(fixed=550_000_000, per_row=330_000_000)
    for free in (int(24e9), int(1e12)):
        assert measure.rows_at_once(maze, CPU, needed, free, 768) == 3
    assert measure.rows_at_once(maze, CPU, needed, int(1.5e9), 768) == 1
    assert measure.rows_at_once(maze, torch.device("cuda"), needed, int(80e9), 768) > 100
    assert measure.rows_at_once(sudoku, CPU, needed, int(1e12), 384) == 48  # eight parts
    assert measure.rows_at_once(small_one, CPU, needed, int(1e12), 48) == 48


def test_settings_win_and_another_machine_decides_again(tmp_path: Path) -> None:
    file = tmp_path / "fit.json"
    here = fit.this_machine()
    assert fit_to_machine(small(micro_batch=5), CPU, file, rows=16) == MachineFit("cpu", 5, False, machine=here, rows=16)
    for other in ({"device": "cuda:0", "machine": here}, {"device": "cpu", "machine": "another, torch 2.6"}, {"device": "cpu"}):
        file.write_text(json.dumps({"micro_batch": 2, "compile": True, "why": "", "rows": 16, **other}))
        assert fit_to_machine(small(), CPU, file, rows=16) == MachineFit("cpu", 16, False, machine=here, rows=16)
    file.write_text("{")
    assert fit_to_machine(small(), CPU, file, rows=16).micro_batch == 16
    assert fit_to_machine(small(compile="on"), CPU, tmp_path / "other.json", rows=16).compile


def test_an_edited_configuration_keeps_the_earlier_fit_only_where_it_matches(tmp_path: Path) -> None:
    file = tmp_path / "fit.json"
    found = MachineFit("cpu", 4, True, machine=fit.this_machine(), rows=16)

    def again(rows: int = 16, **changes: Any) -> tuple[int, bool]:
        file.write_text(json.dumps(asdict(found)))
        decided = fit_to_machine(small(**changes), CPU, file, rows=rows)
        assert json.loads(file.read_text()) == asdict(decided)
        return decided.micro_batch, decided.compile

    assert again(compile="auto") == (4, True)
    assert again(compile="on", micro_batch=4) == (4, True)
    assert again(compile="off", micro_batch=4) == (4, False)
    assert again(compile="auto", micro_batch=8, minutes=1) == (8, False)
    assert again(compile="on", rows=32) == (32, True)


def trial(plain: dict[str, Any], compiled: dict[str, Any]) -> tuple[bool, str, int]:
    calls = []

    def run(config: Any) -> dict[str, Any]:
        calls.append(config.compile)
        return compiled if config.compile == "on" else plain

    return (*try_compile(small(compile="auto"), CPU, 16, run), len(calls))


def test_compiling_is_used_if_it_was_measured_to_be_faster() -> None:
    long = {"training_seconds": 7200.0, "seconds_per_step": 0.2}
    assert trial({"training_seconds": 60.0, "seconds_per_step": 0.2}, {}) == (False, "", 1)
    assert try_compile(small(compile="auto", minutes=19), CPU, 16, lambda config: pytest.fail("nothing is to be measured")) == (False, "")
    taken, said, _ = trial(long, {"training_seconds": 3600.0, "seconds_per_step": 0.1, "compile_seconds": 50.0})
    assert taken
    assert "2.00 times" in said
    assert not trial(long, {"training_seconds": 7100.0, "seconds_per_step": 0.197, "compile_seconds": 50.0})[0]
    assert not trial(long, {"training_seconds": 6000.0, "seconds_per_step": 0.18, "compile_seconds": 5000.0})[0]
    refused, said, _ = trial(long, {"error": "InvalidCxxCompiler: No working C++ compiler found"})
    assert not refused
    assert "No working C++ compiler" in said
    refused, said, tried = trial({"error": "crashed"}, {})
    assert (refused, tried) == (False, 1)
    assert "measuring a step failed (crashed)" in said


def test_a_measuring_process_that_fails_or_hangs_gives_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small()
    assert "minutes" in fit.measure_in_child(config, timeout=0.05)["error"]
    monkeypatch.setattr(fit.sys, "executable", "/nowhere/python")
    assert "/nowhere/python" in fit.measure_in_child(config)["error"]


def test_measure_prints_what_a_run_would_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shallow, deep = {"H_cycles": 1, "L_cycles": 1, "gradient": "step", "until_step": 400}, {"H_cycles": 2, "L_cycles": 2}
    config = small(steps=1000, phases=[shallow, {**deep, "until_step": 700}, {**deep, "weight_decay": 0.5}])
    write_config(config, tmp_path / "config.yaml")
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "--measure", str(tmp_path / "config.yaml")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    early, last = done.stdout.splitlines()
    assert 0 < json.loads(early)["row_seconds"] < 60  # for those who cannot wait
    found = json.loads(last)
    assert found["memory_bytes"] > 100e6
    first, second, third = found["phases"]
    assert third == second  # of the same depth, so measured once
    assert found["training_seconds"] == pytest.approx(400 * first["seconds_per_step"] + 600 * second["seconds_per_step"])
    assert found["estimate_seconds"] > found["training_seconds"]
    assert found["micro_batch"] == found["batch_size"] == 16
    assert found["device"] == "cpu"
    (tmp_path / "config.yaml").write_text("task: nothing\n")
    monkeypatch.setattr("trainer.__main__.keep_memory", lambda: None)
    assert main(["--measure", str(tmp_path / "config.yaml")]) == 2
    assert "config.yaml" in capsys.readouterr().err

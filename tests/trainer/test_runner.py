"""What a run writes besides its metrics: probes, machine load, checkpoints, explanations; and micro-batches."""

from __future__ import annotations

import json
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hrm_model import evaluation as evaluate_module
from hrm_model.errors import ConfigError
from hrm_model.trace_file import io as trace_file
from tests.paths import ROOT
from tests.support.runs import figures, of_kind, small
from tests.support.training import losses
from trainer import runner as runner_module
from trainer.__main__ import explain, main
from trainer.config import read_config
from trainer.data.batches import Batches, make_pool
from trainer.loop import Diverged, Trainer
from trainer.machine import MachineMonitor, keep_memory
from trainer.runner import Runner
from trainer.runs.run_dir import RunDir, kept_checkpoints


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Restore the signal handlers that `main` replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_probe_puzzles_are_traced_at_each_evaluation(tmp_path: Path) -> None:
    config = small(probe_puzzles=2, evaluation=[{"clues": 6, "count": 8}, {"clues": 8, "count": 8}])
    run, without = (
        RunDir.create(tmp_path / name, c) for name, c in (("run", config), ("without", config.model_copy(update={"probe_puzzles": 0})))
    )
    Runner(run).run()
    Runner(without).run()
    assert figures(run) == figures(without)
    evaluations = of_kind(run, "evaluation")
    assert [e["probe"] for e in evaluations] == ["probes/step_000020.h5", "probes/step_000040.h5"]
    first, last = (trace_file.read_all(run.path / e["probe"], guard=False) for e in evaluations)
    assert len(first) == len(last) == 4
    for early, late in zip(first, last, strict=True):
        assert (early.puzzle.given == late.puzzle.given).all()
        assert early.segments == config.evaluation_segments
        assert early.has_states
        assert early.model.config["q_continue"] == config.q_continue
    assert any((a.probability != b.probability).any() for a, b in zip(first, last, strict=True))
    # The traced model is the evaluated one: the averaged weights of that step.
    solved = np.mean([(t.prediction[-1] == t.puzzle.solution).all() for t in last])
    assert 0 <= solved <= 1
    assert [t.title for t in trace_file.info(run.path / evaluations[0]["probe"])] == ["6 clues", "6 clues", "8 clues", "8 clues"]


def test_a_resumed_run_deletes_probes_of_later_steps(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=20, probe_puzzles=1, evaluate_every=10))
    Runner(run).run()
    for name in ("step_000030.h5", "step_000020.h5.part"):
        (run.probes / name).write_bytes(b"left by a killed trainer")
    Runner(run).run()
    assert sorted(p.name for p in run.probes.iterdir()) == ["step_000000.h5", "step_000010.h5", "step_000020.h5"]


def test_every_start_records_its_environment(tmp_path: Path) -> None:
    """A run may be resumed with another version or number of threads. env.json has the last environment."""
    run = RunDir.create(tmp_path / "run", small(steps=4))
    for threads in (1, 2):  # as if config.yaml was edited in between
        run.config_file.write_text(run.config_file.read_text().replace("threads: 1", f"threads: {threads}"))
        Runner(run).run()
    starts = [e["environment"] for e in of_kind(run, "started")]
    assert [s["torch"] for s in starts] == [torch.__version__] * 2
    assert [s["threads"] for s in starts] == [1, 2]
    assert json.loads((run.path / "env.json").read_text()) == starts[1]


def test_metrics_have_norms_and_the_machines_load_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "_MACHINE_EVERY", 0.0)
    run = RunDir.create(tmp_path / "run", small(steps=6, evaluate_every=100))
    Runner(run).run()
    for entry in of_kind(run, "metrics"):
        assert entry["values"]["grad_norm"] > 0
        assert entry["values"]["weight_norm"] > 1
        assert entry["examples_per_second"] > 0
    looks = of_kind(run, "machine")
    assert len(looks) >= 5
    for look in looks:
        assert 0 <= look["values"]["cpu"] <= 1
        assert 0 < look["values"]["memory"] < 1
        assert look["values"]["process_memory"] > 50e6


def test_norms_are_those_of_all_gradients_and_weights_together() -> None:
    config = small(clip=0.0)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    _, sums = trainer.backward(trainer.batch(0), trainer.carry)
    by_hand = sum(float((p.grad.double() ** 2).sum()) for p in trainer.model.parameters() if p.grad is not None) ** 0.5
    trainer.optimizer.zero_grad()
    event = next(trainer.train())[0]
    assert event["values"]["grad_norm"] == pytest.approx(by_hand, rel=1e-4)
    weights = sum(float((p.detach().double() ** 2).sum()) for p in trainer.model.parameters()) ** 0.5
    assert event["values"]["weight_norm"] == pytest.approx(weights, rel=1e-4)
    assert float(sums["loss"]) / 16 == pytest.approx(event["values"]["loss"])


def test_freed_memory_is_kept_if_the_c_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "from trainer.machine import keep_memory; print(keep_memory())"
    here = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert here.stdout.strip() in ("True", "False")
    assert here.stdout.strip() == "True" or platform.libc_ver()[0] != "glibc"
    monkeypatch.setattr(sys, "platform", "win32")
    assert not keep_memory()


def test_without_a_driver_there_is_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("no driver")

    monkeypatch.setitem(sys.modules, "pynvml", Broken())
    assert set(MachineMonitor().read()) == {"cpu", "memory", "process_memory"}


def test_a_cards_load_is_read_and_unknown_values_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Card:
        used, total, gpu = 2 << 30, 8 << 30, 75

        def nvmlInit(self) -> None: ...
        def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
            return index

        def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
            return self

        nvmlDeviceGetUtilizationRates = nvmlDeviceGetMemoryInfo

        def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
            raise RuntimeError("not supported")

    monkeypatch.setitem(sys.modules, "pynvml", Card())
    found = MachineMonitor().read()
    assert found["gpu_memory"] == 0.25
    assert found["gpu"] == 0.75
    assert "power" not in found


def test_checkpoints_are_thinned_by_the_rule() -> None:
    def after(steps: int) -> list[int]:
        names: list[str] = []
        for step in range(500, steps + 1, 500):
            names.append(f"step_{step:06d}")
            kept = kept_checkpoints(names, 2, 500)
            names = [n for n in names if n in kept]
        return [int(n[5:]) for n in names]

    assert after(1000) == [500, 1000]
    assert after(5500) == [500, 1000, 2000, 4000, 5000, 5500]
    assert after(50_000) == [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 49_500, 50_000]
    assert kept_checkpoints(["step_000003", "step_000500"], 1, 500) == {"step_000500"}


def test_a_run_keeps_the_rule_the_best_and_the_last(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=40, checkpoint_every=4, evaluate_every=10, keep_checkpoints=1))
    Runner(run).run()
    steps = {int(p.name[5:]) for p in run.all_checkpoints()}
    best, last = run.pointer("best"), run.pointer("last")
    assert best is not None
    assert last is not None
    assert steps == {4, 8, 16, 32, 40, int(best.name[5:])}
    assert last.name == "step_000040"


def test_a_diverged_run_without_a_checkpoint_is_told_to_start_again(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=30))
    assert "nothing was saved yet. Start again with a lower learning rate" in explain(Diverged("the loss is nan at step 1"), run)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_nan_stops_the_run_at_its_last_good_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    from trainer import loop

    run = RunDir.create(tmp_path / "run", small(steps=30, checkpoint_every=5, evaluate_every=100))
    true_loss, calls = loop.act_loss, []

    def broken(*arguments: Any) -> Any:
        loss, metrics = true_loss(*arguments)
        calls.append(loss)
        if len(calls) == 18:
            # For the gradient: a loss of 0 whose slope is infinite.
            loss = loss * float("nan") if what == "loss" else loss + (loss * 0).sqrt()
        return loss, metrics

    monkeypatch.setattr(loop, "act_loss", broken)
    assert main([str(run.path)]) == 1
    (failed,) = of_kind(run, "failed")
    assert failed["error"] == "Diverged"
    assert what in failed["message"]
    assert "step_000015" in failed["message"]
    assert "Continue from there with a lower learning rate" in failed["message"]
    assert run.status()["state"] == "failed"
    last = run.pointer("last")
    assert last is not None
    assert last.name == "step_000015"
    state = torch.load(last / "training_state.pt", weights_only=True)
    assert all(torch.isfinite(t).all() for t in state["model"].values())
    # Without the fault it resumes from there.
    Runner(run).run()
    assert run.status()["step"] == 30


def test_on_a_card_nan_is_found_before_anything_is_saved() -> None:
    config = small(steps=10, log_every=5)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    trainer.device = torch.device("meta")  # any device but the CPU
    trainer.window.add({"loss": torch.tensor(1.0), "grad_norm": torch.tensor(float("inf"))})
    with pytest.raises(Diverged, match="gradient norm is inf"):
        trainer.check()


def test_a_run_that_does_not_improve_stops_early_and_says_so(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=4000, lr=0.0, evaluate_every=5, patience=3, checkpoint_every=1000))
    Runner(run).run()
    (finished,) = of_kind(run, "finished")
    assert finished["reason"] == "done"
    assert "no improvement in 3 evaluations" in finished["message"]
    assert finished["step"] == 20
    # Started again, it ends at once.
    Runner(run).run()
    assert of_kind(run, "finished")[-1]["step"] == 20


def test_low_disk_space_gives_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.saving.free_bytes", lambda path: 3_000_000)
    run = RunDir.create(tmp_path / "run", small(steps=21, evaluate_every=100))
    Runner(run).run()
    (warning,) = of_kind(run, "warning")
    assert warning["code"] == "disk"
    assert "only 3 MB are free" in warning["message"]


def test_a_run_of_a_newer_version_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = RunDir.create(tmp_path / "run", small())
    text = run.config_file.read_text()
    assert text.startswith("version: 1\n")
    run.config_file.write_text(text.replace("version: 1", "version: 2") + "a_field_of_tomorrow: 3\n")
    with pytest.raises(ConfigError, match="is of format version 2; this version of HRM Studio reads up to 1"):
        read_config(run.config_file)
    assert main([str(run.path)]) == 2
    assert "config.yaml" in capsys.readouterr().err


def test_a_finished_run_that_is_started_again_repeats_nothing(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=10, evaluate_every=7, checkpoint_every=1))
    Runner(run).run()
    before = figures(run)
    assert [step for kind, step, _ in before if kind == "evaluation"] == [7, 10]
    # As a kill between the evaluation event and the pointer to the best checkpoint leaves it.
    (run.checkpoints / "best").unlink()
    Runner(run).run()
    assert figures(run) == before
    best = run.pointer("best")
    exact = {step: v["exact_accuracy"] for kind, step, v in before if kind == "evaluation"}
    assert (best is not None and best.name == "step_000010") == (exact[10] >= exact[7])


def test_a_stop_cancels_an_evaluation_and_a_resumed_run_begins_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"steps": 10, "evaluate_every": 4, "evaluation": [{"clues": 6, "count": 300}]}
    whole, run = (RunDir.create(tmp_path / name, small(**changes)) for name in ("whole", "run"))
    Runner(whole).run()
    batches = []
    solve = evaluate_module.reason_batch

    def solve_and_ask(*given: Any, **more: Any) -> Any:
        batches.append(len(given[1]))
        run.command("stop")
        return solve(*given, **more)

    monkeypatch.setattr(evaluate_module, "reason_batch", solve_and_ask)
    monkeypatch.setattr("trainer.interrupt._EVERY", 0.0)  # on a quick machine the evaluation is over before the next look
    Runner(run).run()
    assert batches == [64]  # of 300 puzzles: four times as many as are trained at once
    assert [step for kind, step, _ in figures(run) if kind == "evaluation"] == []
    assert of_kind(run, "finished")[-1]["reason"] == "stopped"
    monkeypatch.undo()
    Runner(run).run()
    assert figures(run) == figures(whole)


def test_a_run_that_reaches_its_time_limit_says_so(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=4000, minutes=0.0005))
    Runner(run).run()
    (finished,) = of_kind(run, "finished")
    assert finished["reason"] == "done"
    assert f"minutes of computing, at step {finished['step']:,} of 4,000" in finished["message"]


# TensorBoard -------------------------------------------------------------------------------------------------------------


def test_tensorboard_files_have_the_figures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = RunDir.create(tmp_path / "run", small(steps=14, evaluate_every=7, checkpoint_every=7, tensorboard=True))
    Runner(run).run()
    (run.checkpoints / "step_000014" / "training_state.pt").unlink()
    Runner(run).run()  # resumes from step 7; figures of later steps are hidden
    board = EventAccumulator(str(run.path / "tensorboard"))
    board.Reload()
    metrics = {step: values for kind, step, values in figures(run) if kind == "metrics"}
    for name in ("loss", "lm_loss", "grad_norm", "lr"):
        found = {e.step: e.value for e in board.Scalars(f"train/{name}")}
        assert found == pytest.approx({step: values[name] for step, values in metrics.items()}, rel=1e-5)
    assert [e.step for e in board.Scalars("unseen/6 clues/exact")] == [7, 14]
    plain = RunDir.create(tmp_path / "plain", small(steps=1))
    Runner(plain).run()
    assert not (plain.path / "tensorboard").exists()


def test_a_run_with_tensorboard_is_refused_if_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", None)
    run = RunDir.create(tmp_path / "run", small(tensorboard=True))
    assert main([str(run.path)]) == 2
    assert "pip install 'hrm-studio[tensorboard]'" in run.status()["message"]


# Micro-batches -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"q_continue": True, "puzzle_emb_lr": 1e-3, "loss": "stablemax"}, {"full_length": 0.5}])
def test_micro_batches_train_as_a_whole_batch(changes: dict[str, Any]) -> None:
    config = small(steps=12, evaluate_every=100, dtype="float32", **changes)
    batches = Batches(config, *make_pool(config))
    whole, parts = Trainer(config, batches), Trainer(config, batches, micro_batch=5)
    assert losses(parts) == pytest.approx(losses(whole), rel=1e-4)
    assert parts.carry.steps.tolist() == whole.carry.steps.tolist()
    for name, tensor in whole.model.state_dict().items():
        # Adam's first steps turn rounding errors of tiny gradients into full steps of lr.
        torch.testing.assert_close(parts.model.state_dict()[name], tensor, rtol=0, atol=2e-3)


def test_gradients_of_micro_batches_sum_to_those_of_the_whole() -> None:
    config = small(dtype="float32", q_continue=True)
    batches = Batches(config, *make_pool(config))
    found = []
    for micro_batch in (None, 7):
        trainer = Trainer(config, batches, micro_batch=micro_batch)
        trainer.backward(trainer.batch(0), trainer.carry)
        found.append({name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None})
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-4, atol=1e-6)


def test_out_of_memory_halves_the_micro_batch_and_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hrm_model.model import HRM

    config = small(steps=14, checkpoint_every=7, evaluate_every=100, puzzle_emb_lr=1e-3)
    wanted = Trainer(config, Batches(config, *make_pool(config)), micro_batch=4)
    expected = losses(wanted)
    forward = HRM.forward

    def small_card(self: HRM, inputs: torch.Tensor, *rest: torch.Tensor) -> Any:
        if len(inputs) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(self, inputs, *rest)

    monkeypatch.setattr(HRM, "forward", small_card)
    run = RunDir.create(tmp_path / "run", config)
    Runner(run).run()
    assert [v["loss"] for kind, _, v in figures(run) if kind == "metrics"] == expected
    warnings = of_kind(run, "warning")
    assert [w["code"] for w in warnings] == ["memory", "memory"]
    assert "goes on with 8 at once" in warnings[0]["message"]
    assert "Tried to allocate" in warnings[0]["message"]
    state = torch.load(run.checkpoints / "step_000014" / "training_state.pt", weights_only=True)
    assert state["micro_batch"] == 4


def test_out_of_memory_with_one_example_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hrm_model.model import HRM

    def no_card(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(HRM, "forward", no_card)
    run = RunDir.create(tmp_path / "run", small())
    assert main([str(run.path)]) == 1
    assert "out of memory" in of_kind(run, "failed")[0]["message"]

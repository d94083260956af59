"""A run obeys within a step, within an evaluation and while it starts, and loses nothing by it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from hrm_model.layers import Block
from hrm_model.model import HRM
from tests.support.runs import Start, figures, of_kind, small, wait_for
from tests.support.training import losses
from trainer import interrupt, loop
from trainer import runner as runner_module
from trainer.data.batches import Batches, evaluation_sets, make_pool
from trainer.interrupt import Cancelled
from trainer.loop import Trainer
from trainer.runner import Runner
from trainer.runs.run_dir import RunDir


@pytest.fixture(autouse=True)
def every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look before every block, however fast the machine is."""
    monkeypatch.setattr(interrupt, "_EVERY", 0.0)


def trainer_of(**changes: Any) -> Trainer:
    config = small(steps=6, log_every=1, evaluate_every=100, **changes)
    return Trainer(config, Batches(config, *make_pool(config)), evaluation_sets(config), micro_batch=8)


@pytest.mark.parametrize("changes", [{}, {"q_continue": True, "puzzle_emb_lr": 1e-2}])
def test_a_step_can_be_left_at_every_block_and_is_then_as_if_it_had_never_begun(changes: dict[str, Any]) -> None:
    whole = losses(trainer_of(**changes))
    trainer, looks, leave_at = trainer_of(**changes), 0, 1

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == leave_at:
            raise Cancelled

    trainer.lookout.look = look
    found: list[float] = []
    left, blocks = 0, 0
    for events in trainer.train():
        if leave_at and not events:
            assert all(p.grad is None for p in trainer.model.parameters())
            left += 1
            leave_at += 1
        elif leave_at:
            leave_at, blocks = 0, looks
        looks = 0
        found += [e["values"]["loss"] for e in events if e["type"] == "metrics"]
    # The first step was left once at each look: in 2 micro-batches of 6 calls, forward and backward, and between the two.
    assert left >= 2 * (6 + 6) + 1
    assert blocks == left
    assert found == whole


def test_a_time_limit_ends_a_step_that_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(loop.time, "perf_counter", lambda: clock[0])
    forward = Block.forward

    def slow(self: Block, *given: Any) -> torch.Tensor:
        clock[0] += 10.0
        return forward(self, *given)

    monkeypatch.setattr(Block, "forward", slow)
    trainer = trainer_of(minutes=0.5)
    events = [e for entries in trainer.train() for e in entries]
    assert trainer.step == 0
    assert trainer.seconds == pytest.approx(30, abs=10.1)
    assert "at step 0 of 6" in trainer.reason
    (warning,) = events  # the evaluation that would follow takes longer than a time limit allows
    assert (warning["type"], warning["code"]) == ("warning", "unevaluated")


def test_a_pause_within_a_step_is_no_computing_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(loop.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(interrupt.time, "monotonic", lambda: clock[0])
    trainer = trainer_of()

    def look() -> None:
        clock[0] += 100.0

    trainer.lookout.look = look
    assert len(losses(trainer)) == 6
    assert trainer.lookout.spent > 600
    assert trainer.seconds == 0


@pytest.mark.parametrize("kind", ["stop", "abort", "save", "pause"])
def test_commands_are_obeyed_within_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    changes: dict[str, Any] = {"steps": 12, "checkpoint_every": 100, "evaluate_every": 6}
    whole, run = (RunDir.create(tmp_path / name, small(**changes)) for name in ("whole", "run"))
    Runner(whole).run()
    forward, calls, told = HRM.forward, [], []

    def ask(self: HRM, *given: Any) -> Any:
        if not runner.starting and self is runner.trainer.model:
            calls.append(1)
            if len(calls) == 5:  # in the step after step 4
                run.command(kind)
        return forward(self, *given)

    def sleep(seconds: float) -> None:  # while it is paused
        told.append((run.status_file.exists() and json.loads(run.status_file.read_text()).get("state"), runner.trainer.step))
        run.command("resume")

    monkeypatch.setattr(HRM, "forward", ask)
    monkeypatch.setattr(runner_module.time, "sleep", sleep)
    monkeypatch.setattr(runner_module, "_STATUS_EVERY", 0.0)
    runner = Runner(run)
    runner.run()
    monkeypatch.undo()
    if kind in ("stop", "abort"):
        assert of_kind(run, "finished")[-1]["step"] == 4
        assert of_kind(run, "finished")[-1]["reason"] == {"stop": "stopped", "abort": "aborted"}[kind]
        assert [e["step"] for e in of_kind(run, "saved")] == ([4] if kind == "stop" else [])
        Runner(run).run()
    elif kind == "save":
        assert [e["step"] for e in of_kind(run, "saved")][0] == 4
    else:
        assert told == [("paused", 4)]
        assert [e["step"] for kind in ("paused", "resumed") for e in of_kind(run, kind)] == [4, 4]
    assert figures(run) == figures(whole)


def test_what_is_saved_within_a_step_resumes_as_the_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes: dict[str, Any] = {"steps": 12, "checkpoint_every": 100, "evaluate_every": 100, "log_every": 3}
    whole, run = (RunDir.create(tmp_path / name, small(**changes)) for name in ("whole", "run"))
    Runner(whole).run()

    class Killed(BaseException):
        pass

    runner = Runner(run)
    save = runner.save

    def save_and_die(*given: Any) -> None:
        save(*given)
        raise Killed

    monkeypatch.setattr(runner, "save", save_and_die)
    block, calls = Block.forward, []

    def forward(self: Block, *given: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 45:  # in the middle of a step of six calls
            run.command("save")
        return block(self, *given)

    monkeypatch.setattr(Block, "forward", forward)
    with pytest.raises(Killed):
        runner.run()
    monkeypatch.undo()
    saved = run.pointer("last")
    assert saved is not None
    Runner(run).run()
    assert figures(run) == figures(whole)


@pytest.mark.parametrize("by", ["command", "signal"])
def test_a_run_can_be_stopped_while_it_makes_its_puzzles(start: Start, tmp_path: Path, by: str) -> None:
    # So many puzzles without a clue to spare take hours.
    nine = {
        "task": "sudoku-9x9", "puzzles": [{"clues": None, "count": 10_000_000}], "evaluation": [{"clues": 30, "count": 4}],
        "model": small().model.model_dump() | {"seq_len": 81, "vocab_size": 11, "box_height": 3, "box_width": 3},
    }  # fmt: skip
    run = RunDir.create(tmp_path / "run", small(**nine))
    process = start(run.path)
    wait_for(lambda: run.status().get("state") == "starting" or process.poll() is not None)
    if by == "command":
        run.command("stop")
    else:
        process.send_signal(signal.SIGTERM)
    assert process.wait(240) in ((0,) if by == "command" else (0, -signal.SIGTERM))  # a signal may come before it is listened for
    if process.returncode == 0:
        assert run.status()["state"] == "stopped"
        assert [e["reason"] for e in of_kind(run, "finished")] == ["stopped"]
    else:
        assert run.status()["state"] == "killed"


def test_a_stop_before_the_training_begins_leaves_a_stopped_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=6))
    runner = Runner(run)
    run.write_status(state="starting", step=0)
    monkeypatch.setattr(runner_module, "evaluation_sets", lambda config: runner.interrupt())
    runner.run()
    assert (run.status()["state"], run.status()["step"]) == ("stopped", 0)
    monkeypatch.undo()
    Runner(run).run()
    assert run.status()["state"] == "finished"

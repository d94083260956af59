"""The trainer as a process: killed, given commands, started twice, on a full disk."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hrm_model.errors import RunError
from tests.support.runs import Start, figures, newest_step, small, wait_for
from trainer.runner import Runner
from trainer.runs.run_dir import RunDir


def test_a_killed_run_resumes_with_bit_identical_losses(start: Start, tmp_path: Path) -> None:
    # Evaluations and checkpoints sometimes coincide; the metrics' windows end at neither.
    config = small(steps=120, log_every=4, checkpoint_every=5, evaluate_every=15)
    whole, run = RunDir.create(tmp_path / "whole", config), RunDir.create(tmp_path / "killed", config)
    Runner(whole).run()
    random_moment = random.Random(4)
    kills = 0
    for _ in range(3):
        process = start(run.path)
        target = run.status().get("step", 0) + random_moment.randint(8, 25)
        wait_for(lambda target=target, process=process: newest_step(run) >= target or process.poll() is not None)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 2
    assert run.status()["state"] == "killed"
    assert start(run.path).wait(600) == 0
    assert figures(run) == figures(whole)
    assert [step for kind, step, _ in figures(run) if kind == "metrics"] == list(range(4, 121, 4))
    assert [step for kind, step, _ in figures(run) if kind == "evaluation"] == list(range(15, 121, 15))
    assert not list(run.checkpoints.glob("*.part"))
    ours, theirs = (load_file(r.pointer("last") / "model.safetensors") for r in (run, whole))  # type: ignore[operator]
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("moment", ["after the events", "while saving"])
def test_a_kill_between_evaluation_and_checkpoint_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    config = small(steps=24, log_every=5, checkpoint_every=6, evaluate_every=12)
    whole, run = RunDir.create(tmp_path / "whole", config), RunDir.create(tmp_path / "killed", config)
    Runner(whole).run()

    class Killed(BaseException):
        pass

    def dies(self: Runner, judged: dict[str, object] | None = None) -> None:
        if judged is not None and self.trainer.step == 12:
            if moment == "while saving":
                (run.checkpoints / "step_000012.part").mkdir()
                (run.checkpoints / "step_000012.part" / "training_state.pt").write_bytes(b"half")
            raise Killed
        save(self, judged)

    save = Runner.save
    with monkeypatch.context() as patch:
        patch.setattr(Runner, "save", dies)
        with pytest.raises(Killed):
            Runner(run).run()
    Runner(run).run()
    assert figures(run) == figures(whole)
    assert run.pointer("best") is not None


def test_a_run_resumes_from_the_checkpoint_before_a_damaged_one(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=14))
    Runner(run).run()
    state = run.checkpoints / "step_000014" / "training_state.pt"
    before = figures(run)
    state.write_bytes(state.read_bytes()[:-2000])
    Runner(run).run()
    warning = next(e for e in run.events().read() if e["type"] == "warning")
    assert "step_000014: this checkpoint cannot be read" in warning["message"]
    assert figures(run)[: len(before)] == before
    assert run.pointer("last") == run.checkpoints / "step_000014"
    for folder in run.all_checkpoints():
        (folder / "training_state.pt").unlink()
    with pytest.raises(RunError, match="no checkpoint here can be read"):
        Runner(run).run()


def test_a_second_trainer_on_the_same_run_is_refused(start: Start, tmp_path: Path) -> None:
    for attempt in range(2):
        run = RunDir.create(tmp_path / str(attempt), small(steps=100_000, evaluate_every=100_000))
        both = [start(run.path) for _ in range(2)]
        wait_for(lambda both=both: any(p.poll() is not None for p in both))
        wait_for(lambda run=run: newest_step(run) > 0)
        ended = [p.poll() for p in both]
        assert sorted(ended, key=str) == [2, None]
        for process in both:
            process.kill()
            process.wait()


def test_commands_pause_save_and_stop_a_running_process(start: Start, tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=100_000, checkpoint_every=100_000, evaluate_every=100_000))
    process = start(run.path)

    def kinds() -> list[str]:
        return [e["type"] for e in run.events().read()]

    wait_for(lambda: "metrics" in kinds())
    refused = start(run.path)
    assert refused.wait(600) == 2
    assert str(process.pid) in (tmp_path / "stderr.txt").read_text()
    with run.commands_file.open("a") as file:
        file.write('{"type": "stop"}\n')  # written by hand, without a version
    wait_for(lambda: "command" in [e.get("code") for e in run.events().read()])
    run.command("pause")
    wait_for(lambda: "paused" in kinds())
    wait_for(lambda: run.status()["state"] == "paused")
    count = kinds().count("metrics")
    time.sleep(0.4)
    assert kinds().count("metrics") == count
    run.command("save")
    wait_for(lambda: "saved" in kinds())
    run.command("resume")
    wait_for(lambda: kinds().count("metrics") > count)
    run.command("stop")
    assert process.wait(600) == 0
    assert run.events().read()[-1]["reason"] == "stopped"
    last = run.pointer("last")
    assert last is not None
    assert json.loads((last / "config.json").read_text())["task"] == "sudoku-4x4"
    with pytest.raises(RunError, match="no command 'dance'"):
        run.command("dance")


def test_a_full_disk_gives_a_warning_and_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hrm_model.checkpoint import format as checkpoint

    run = RunDir.create(tmp_path / "run", small(steps=21))
    write, calls = checkpoint.write_weights, []

    def full(tensors: dict[str, torch.Tensor], file: Path) -> None:
        calls.append(file)
        if len(calls) == 2:
            file.write_bytes(b"half")
            raise OSError(28, "No space left on device", str(file))
        write(tensors, file)

    monkeypatch.setattr(checkpoint, "write_weights", full)
    Runner(run).run()
    entries = run.events().read()
    warning = next(e for e in entries if e["type"] == "warning")
    assert "No space left" in warning["message"]
    assert "step_000014" in warning["message"]
    assert entries[-1]["type"] == "finished"
    assert [p.name for p in run.all_checkpoints()][-1] == "step_000021"
    assert all((p / "training_state.pt").exists() for p in run.all_checkpoints())


def test_events_are_written_later_if_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, run = (RunDir.create(tmp_path / name, small(steps=14)) for name in ("whole", "run"))
    Runner(whole).run()
    emit, calls = RunDir.emit, []

    def full(self: RunDir, entry: dict[str, object]) -> None:
        calls.append(entry)
        if 5 <= len(calls) < 9:
            with self.events_file.open("ab") as stream:
                stream.write(b'{"v": 1, "ty')  # until the disk was full
            raise OSError(28, "No space left on device")
        emit(self, entry)

    monkeypatch.setattr(RunDir, "emit", full)
    Runner(run).run()
    assert figures(run) == figures(whole)


def test_a_folder_without_a_run_is_refused(start: Start, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert start(tmp_path / "none").wait(600) == 2
    assert "config.yaml" in (tmp_path / "stderr.txt").read_text()
    RunDir.create(tmp_path / "a", small())
    with pytest.raises(RunError, match="already holds a run"):
        RunDir.create(tmp_path / "a", small())
    assert os.listdir(tmp_path / "a") == ["config.yaml"]

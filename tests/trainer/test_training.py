from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from hrm_model.analysis_survey import wilson
from hrm_model.model import PuzzleTable
from hrm_model.tasks.find import task_named
from trainer.config import ConfigError, RunConfig, read_config, write_config
from trainer.dataset import Batches, DatasetBatches, evaluation_sets, make_pool, training_batches
from trainer.events import LineReader, append_line, event
from trainer.loop import Trainer
from trainer.optim import EMA, AdamATan2, Muon, MuonAdamW, SignSGD, learning_rate
from trainer.presets import PRESETS, preset
from trainer.published import on_dataset
from trainer.run_dir import RunDir, RunError

ROOT = Path(__file__).parents[2]


def small(**changes: object) -> RunConfig:
    config = preset("sudoku-4x4").model_dump() | {
        "steps": 40, "minutes": None, "batch_size": 16, "log_every": 1, "evaluate_every": 20, "checkpoint_every": 7, "threads": 1,
        "puzzles": [{"clues": 6, "count": 64}], "evaluation": [{"clues": 6, "count": 16}], "evaluation_segments": 2, "stop_at_exact": None, "probe_puzzles": 0, "compile": "off",
    }  # fmt: skip
    return RunConfig.model_validate(config | changes)


# Optimizers --------------------------------------------------------------------------------------------------------------


def test_adam_atan2_is_its_formula() -> None:
    generator = np.random.default_rng(0)
    start = generator.normal(size=7)
    p = torch.nn.Parameter(torch.tensor(start))
    optimizer = AdamATan2([p], lr=0.03, betas=(0.9, 0.95), weight_decay=0.2)
    w, m, v = start.copy(), np.zeros(7), np.zeros(7)
    for t in range(1, 6):
        g = generator.normal(size=7)
        p.grad = torch.tensor(g)
        optimizer.step()
        w *= 1 - 0.03 * 0.2
        m = m + (g - m) * (1 - 0.9)
        v = v + (g * g - v) * (1 - 0.95)
        w -= 0.03 / (1 - 0.9**t) * np.arctan2(m, np.sqrt(v) / math.sqrt(1 - 0.95**t))
        np.testing.assert_allclose(p.detach().numpy(), w, rtol=1e-12)


def test_adam_atan2_takes_a_learning_rate_of_zero_and_refuses_a_negative_one() -> None:
    p = torch.nn.Parameter(torch.ones(3))
    p.grad = torch.ones(3)
    AdamATan2([p], lr=0.0).step()
    assert (p == 1).all()
    with pytest.raises(ValueError, match="-1"):
        AdamATan2([p], lr=-1)


def test_sign_sgd_moves_only_the_rows_in_use_and_adds_up_repeated_ones() -> None:
    table = PuzzleTable(4, 2).train()
    table.weights.fill_(1.0)
    out = table(torch.tensor([2, 0, 2]))
    (out * torch.tensor([[1.0, -3.0], [5.0, 0.0], [-2.0, 1.0]])).sum().backward()
    SignSGD(table, weight_decay=0.1).step(lr=0.5)
    kept = 1 - 0.05
    # Row 0: sign (+, 0); row 2: signs of 1 − 2 and of −3 + 1.
    expected = torch.tensor([[kept - 0.5, kept], [1, 1], [kept + 0.5, kept + 0.5], [1, 1]])
    torch.testing.assert_close(table.weights, expected)


def test_weight_average_and_schedule() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    ema = EMA(model, 0.9)
    first = float(model.weight.detach())
    with torch.no_grad():
        model.weight += 1
    ema.update()
    assert float(ema.shadow["weight"]) == pytest.approx(first + (1 - 2 / 11))
    rates = [learning_rate(s, lr=2.0, warmup_steps=10, total_steps=110, min_ratio=0.1) for s in range(200)]
    assert rates[0] == pytest.approx(0.2)
    assert max(rates) == rates[10] == pytest.approx(2.0)
    assert rates[60] == pytest.approx(2 * (0.1 + 0.9 * 0.5))
    assert rates[-1] == pytest.approx(0.2)


# Configuration, data, events ---------------------------------------------------------------------------------------------


def test_every_preset_can_be_written_and_read(tmp_path: Path) -> None:
    for name, config in PRESETS.items():
        write_config(config, tmp_path / "config.yaml")
        assert read_config(tmp_path / "config.yaml") == config, name
        if name != "sudoku-extreme-1k":
            assert config.final_model.H_cycles >= 2
            assert config.final_model.L_cycles >= 2
    assert preset("sudoku-extreme-1k").model.hidden_size == 512


@pytest.mark.parametrize(("text", "words"), [("a: [", "not plain YAML"), ("steps: 3", "task"), ("batch_size: -1", "batch_size")])
def test_a_bad_configuration_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match="config.yaml") as caught:
        read_config(tmp_path / "config.yaml")
    if words == "not plain YAML":
        assert words in str(caught.value)


def test_batches_depend_on_seed_and_step_alone() -> None:
    config = small()
    pool = make_pool(config)
    one, two = Batches(config, *pool), Batches(config, *make_pool(config))
    two(3)
    assert (one(5)["inputs"] == two(5)["inputs"]).all()
    assert (one(5)["inputs"] != one(6)["inputs"]).any()


def test_sets_are_drawn_from_their_step_on() -> None:
    config = small(puzzles=[{"clues": 5, "count": 40, "from_step": 10}, {"clues": 8, "count": 40}], augment=False, easier_copies=0.0)
    batches = Batches(config, *make_pool(config))
    clues = [set((batches.grids(step)[0] > 0).sum(axis=1).tolist()) for step in (0, 9, 10, 11)]
    assert clues == [{8}, {8}, {5, 8}, {5, 8}]
    with pytest.raises(ValueError, match="step 0"):
        small(puzzles=[{"clues": 5, "count": 40, "from_step": 10}])


def test_judging_puzzles_share_no_symmetry_class_with_training_4x4() -> None:
    config = small(puzzles=[{"clues": 5, "count": 500}], evaluation=[{"clues": 6, "count": 200}])
    from hrm_model.tasks.sudoku_symmetry import symmetry_codes_4

    batches = Batches(config, *make_pool(config))
    seen = {c for step in range(40) for c in symmetry_codes_4(batches.grids(step)[0]).tolist()}
    (puzzles, _), *_ = evaluation_sets(config).values()
    assert task_named("sudoku-4x4").held_out(puzzles).all()
    assert len(seen) > 50
    assert not seen & set(symmetry_codes_4(puzzles).tolist())


def test_a_reader_waits_for_whole_lines_and_skips_broken_ones(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    reader = LineReader(file)
    assert reader.read() == []
    append_line(file, event("metrics", 1, values={"loss": float("nan")}))
    with file.open("a") as stream:
        stream.write('{"v": 1, "type": "met')
    assert [e["values"] for e in reader.read()] == [{"loss": None}]
    append_line(file, event("saved", 2))
    assert [e["type"] for e in reader.read()] == ["saved"]
    assert reader.broken == 1


def test_wilson_interval_against_known_values() -> None:
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-3))
    assert wilson(50, 100) == (pytest.approx(0.4038, abs=1e-3), pytest.approx(0.5962, abs=1e-3))


# Training ----------------------------------------------------------------------------------------------------------------


def losses(trainer: Trainer) -> list[float]:
    return [e["values"]["loss"] for events in trainer.train() for e in events if e["type"] == "metrics"]


def test_two_runs_of_one_seed_are_bit_identical_and_learn() -> None:
    config = small(steps=150, evaluate_every=1000, batch_size=32)
    pool = make_pool(config)
    first, second = (losses(Trainer(config, Batches(config, *pool))) for _ in range(2))
    assert first == second
    assert np.mean(first[-20:]) < 0.75 * np.mean(first[:20])
    other = losses(Trainer(small(steps=5, seed=1), Batches(config, *pool)))
    assert other[:5] != first[:5]


def test_phases_change_the_depth_and_survive_a_restart() -> None:
    phases = [{"H_cycles": 1, "L_cycles": 1, "gradient": "step", "until_step": 3}, {"H_cycles": 2, "L_cycles": 2, "gradient": "all"}]
    config = small(steps=8, phases=phases, evaluate_every=100)
    batches = Batches(config, *make_pool(config))
    trainer = Trainer(config, batches)
    assert trainer.model.config.H_cycles == 1
    whole = losses(trainer)
    assert trainer.model.config.H_cycles == 2
    rest = Trainer(config, batches)
    # The schedule's length is part of the loss; a run is cut, not shortened.
    cut = Trainer(config, batches)
    stream = cut.train()
    for _ in range(5):
        next(stream)
    rest.load_state_dict(cut.state_dict())
    assert losses(rest) == whole[5:]


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "adam_atan2"])
def test_a_run_in_bfloat16_goes_on_bit_for_bit_in_bfloat16(optimizer: str) -> None:
    config = small(steps=8, evaluate_every=100, dtype="bfloat16", optimizer=optimizer)
    batches = Batches(config, *make_pool(config))
    whole = losses(Trainer(config, batches))
    cut = Trainer(config, batches)
    stream = cut.train()
    for _ in range(5):
        next(stream)
    # A machine that would choose another dtype must not change it under a run.
    rest = Trainer(config.model_copy(update={"dtype": "float32"}), batches)
    rest.load_state_dict(cut.state_dict())
    assert rest.model.config.forward_dtype == "bfloat16"
    assert losses(rest) == whole[5:]
    fine = losses(Trainer(config.model_copy(update={"dtype": "float32"}), batches))
    assert 0 < abs(fine[0] - whole[0]) < 0.01 * fine[0]
    assert rest.averaged_model().config.forward_dtype == "float32"  # looking at a model is done in float32 on a CPU


def test_muon_is_torchs_own_within_bfloat16() -> None:
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon yet")
    for dtype in ("bfloat16", "float32"):
        torch.manual_seed(0)
        mine = [torch.nn.Parameter(torch.randn(shape)) for shape in ((8, 24), (8, 24), (24, 8))]
        theirs = [torch.nn.Parameter(p.detach().clone()) for p in mine]
        start = [p.detach().clone() for p in mine]
        a = Muon(mine, lr=0.02, weight_decay=0.1, dtype=dtype)
        b = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
        for _ in range(4):
            for p, q in zip(mine, theirs, strict=True):
                p.grad = torch.randn_like(p)
                q.grad = p.grad.clone()
            a.step()
            b.step()
        for p, q, s in zip(mine, theirs, start, strict=True):
            assert float((p - q).detach().norm()) <= 0.05 * float((q - s).detach().norm()), dtype


def test_muon_moves_the_modules_matrices_and_adamw_all_else() -> None:
    config = small(optimizer="muon", weight_decay=0.0)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    assert isinstance(trainer.optimizer, MuonAdamW)
    names = {p: name for name, p in trainer.model.named_parameters()}
    muon, adamw = ({names[p] for group in part.param_groups for p in group["params"]} for part in trainer.optimizer.parts)
    assert muon == {name for name in names.values() if "_level.layers" in name}
    assert adamw == set(names.values()) - muon
    before = {name: p.detach().clone() for p, name in names.items()}
    trainer.train_step()
    lr = trainer.optimizer.param_groups[0]["lr"]
    for p, name in names.items():
        moved = p.detach() - before[name]
        if name in muon:
            # All singular values near one, times AdamW's size of a step.
            bound = 1.5 * 0.2 * lr * math.sqrt(max(moved.shape))
            assert 0.3 * bound < float(torch.linalg.matrix_norm(moved, 2)) < bound, name
        elif moved.abs().max() > 0:
            assert float(moved.abs().max()) <= 1.01 * lr, name  # AdamW's first step is lr · sign(g)


def test_wrong_rows_go_on_whatever_they_say() -> None:
    config = small(wrong_go_on=True, batch_size=8, puzzle_emb_lr=0.0)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    with torch.no_grad():
        trainer.model.q_head.bias.fill_(5.0)  # thinks that it is right from the start
    limit = trainer.model.config.halt_max_steps
    for step in range(1, limit + 1):
        trainer.train_step()
        assert trainer.carry.steps.tolist() == [step] * 8
        assert trainer.carry.halted.all() == (step == limit)


def test_some_rows_think_to_the_end_whatever_they_say() -> None:
    config = small(full_length=0.25, batch_size=8, puzzle_emb_lr=0.0)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    with torch.no_grad():
        trainer.model.q_head.bias.fill_(5.0)  # halts at once wherever it may
    limit = trainer.model.config.halt_max_steps
    for step in range(1, limit + 1):
        trainer.train_step()
        assert trainer.carry.steps[:2].tolist() == [step, step]
        assert trainer.carry.halted[:2].tolist() == [step == limit] * 2
    assert trainer.carry.steps[2:].max() < limit


@pytest.mark.parametrize("name", ["adam_atan2", "adamw", "muon"])
def test_the_published_switches_train_too(name: str) -> None:
    config = small(
        steps=12, optimizer=name, loss="stablemax", q_continue=True, puzzle_emb_lr=1e-3, ema=0, clip=0, evaluate_every=100, lr=1e-3
    )
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    found = [e["values"] for events in trainer.train() for e in events if e["type"] == "metrics"]
    assert all(v["q_continue_loss"] > 0 and math.isfinite(v["loss"]) for v in found)
    assert trainer.model.puzzle_emb is not None
    assert trainer.model.puzzle_emb.weights.abs().sum() > 0


# The process -------------------------------------------------------------------------------------------------------------


def start(run: Path) -> subprocess.Popen[bytes]:
    """A real trainer process; what it complains of goes to stderr.txt beside the run."""
    with (run.parent / "stderr.txt").open("wb") as errors:
        return subprocess.Popen([sys.executable, "-m", "trainer", str(run)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)


def told(run: RunDir) -> list[tuple[str, int, dict[str, float]]]:
    """Metrics and evaluations in order; what a killed process told of later steps is taken back by its successor."""
    found: list[tuple[str, int, dict[str, float]]] = []
    for entry in run.events().read():
        if entry["type"] == "started":
            found = [f for f in found if f[1] <= entry["step"]]
        elif entry["type"] in ("metrics", "evaluation"):
            found.append((entry["type"], entry["step"], entry["values"]))
    return found


def newest_step(run: RunDir) -> int:
    return max((step for _, step, _ in told(run)), default=0)


def wait_for(condition: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_killed_at_any_moment_the_losses_go_on_bit_for_bit(tmp_path: Path) -> None:
    # Evaluations and checkpoints fall together at times, and the metrics' windows end at neither.
    config = small(steps=120, log_every=4, checkpoint_every=5, evaluate_every=15)
    whole = RunDir.create(tmp_path / "whole", config)
    assert start(whole.path).wait(120) == 0
    run = RunDir.create(tmp_path / "killed", config)
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
    assert start(run.path).wait(120) == 0
    assert told(run) == told(whole)
    assert [step for kind, step, _ in told(run) if kind == "metrics"] == list(range(4, 121, 4))
    assert [step for kind, step, _ in told(run) if kind == "evaluation"] == list(range(15, 121, 15))
    assert not list(run.checkpoints.glob("*.part"))
    from safetensors.torch import load_file

    ours, theirs = (load_file(r.pointer("last") / "model.safetensors") for r in (run, whole))  # type: ignore[operator]
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("moment", ["after the events", "while saving"])
def test_killed_where_an_evaluation_and_a_checkpoint_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    from trainer.session import Session

    config = small(steps=24, log_every=5, checkpoint_every=6, evaluate_every=12)
    whole, run = RunDir.create(tmp_path / "whole", config), RunDir.create(tmp_path / "killed", config)
    Session(whole).go()

    class Killed(BaseException):
        pass

    def dies(self: Session, judged: dict[str, object] | None = None) -> None:
        if judged is not None and self.trainer.step == 12:
            if moment == "while saving":
                (run.checkpoints / "step_000012.part").mkdir()
                (run.checkpoints / "step_000012.part" / "training_state.pt").write_bytes(b"half")
            raise Killed
        save(self, judged)

    save = Session.save
    with monkeypatch.context() as patch:
        patch.setattr(Session, "save", dies)
        with pytest.raises(Killed):
            Session(run).go()
    Session(run).go()
    assert told(run) == told(whole)
    assert run.pointer("best") is not None


def test_a_damaged_last_checkpoint_is_told_and_the_one_before_it_taken(tmp_path: Path) -> None:
    from trainer.session import Session

    run = RunDir.create(tmp_path / "run", small(steps=14))
    Session(run).go()
    state = run.checkpoints / "step_000014" / "training_state.pt"
    before = told(run)
    state.write_bytes(state.read_bytes()[:-2000])
    Session(run).go()
    warning = next(e for e in run.events().read() if e["type"] == "warning")
    assert "step_000014: this checkpoint cannot be read" in warning["message"]
    assert told(run)[: len(before)] == before
    assert run.pointer("last") == run.checkpoints / "step_000014"
    for folder in run.all_checkpoints():
        (folder / "training_state.pt").unlink()
    with pytest.raises(RunError, match="no checkpoint here can be read"):
        Session(run).go()


def test_of_two_trainers_started_at_once_one_is_refused(tmp_path: Path) -> None:
    for attempt in range(3):
        run = RunDir.create(tmp_path / str(attempt), small(steps=100_000, evaluate_every=100_000))
        both = [start(run.path) for _ in range(2)]
        wait_for(lambda both=both: any(p.poll() is not None for p in both))
        wait_for(lambda run=run: newest_step(run) > 0)
        ended = [p.poll() for p in both]
        assert sorted(ended, key=str) == [2, None]
        for process in both:
            process.kill()
            process.wait()


def test_commands_pause_save_and_stop_a_running_process(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=100_000, checkpoint_every=100_000, evaluate_every=100_000))
    process = start(run.path)

    def kinds() -> list[str]:
        return [e["type"] for e in run.events().read()]

    wait_for(lambda: "metrics" in kinds())
    refused = start(run.path)
    assert refused.wait(60) == 2
    assert str(process.pid) in (tmp_path / "stderr.txt").read_text()
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
    assert process.wait(60) == 0
    assert run.events().read()[-1]["reason"] == "stopped"
    last = run.pointer("last")
    assert last is not None
    assert json.loads((last / "config.json").read_text())["task"] == "sudoku-4x4"
    with pytest.raises(RunError, match="no command 'dance'"):
        run.command("dance")


def test_a_full_disk_is_told_and_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hrm_model import checkpoint
    from trainer.session import Session

    run = RunDir.create(tmp_path / "run", small(steps=21))
    write, calls = checkpoint.write_weights, []

    def full(tensors: dict[str, torch.Tensor], file: Path) -> None:
        calls.append(file)
        if len(calls) == 2:
            file.write_bytes(b"half")
            raise OSError(28, "No space left on device", str(file))
        write(tensors, file)

    monkeypatch.setattr(checkpoint, "write_weights", full)
    Session(run).go()
    entries = run.events().read()
    warning = next(e for e in entries if e["type"] == "warning")
    assert "No space left" in warning["message"]
    assert "step_000014" in warning["message"]
    assert entries[-1]["type"] == "finished"
    assert [p.name for p in run.all_checkpoints()][-1] == "step_000021"
    assert all((p / "training_state.pt").exists() for p in run.all_checkpoints())


def test_events_that_a_full_disk_refuses_are_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer.session import Session

    whole, run = (RunDir.create(tmp_path / name, small(steps=14)) for name in ("whole", "run"))
    Session(whole).go()
    emit, calls = RunDir.emit, []

    def full(self: RunDir, entry: dict[str, object]) -> None:
        calls.append(entry)
        if 5 <= len(calls) < 9:
            with self.events_file.open("ab") as stream:
                stream.write(b'{"v": 1, "ty')  # as far as there was room
            raise OSError(28, "No space left on device")
        emit(self, entry)

    monkeypatch.setattr(RunDir, "emit", full)
    Session(run).go()
    assert told(run) == told(whole)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert start(tmp_path / "none").wait(60) == 2
    assert "config.yaml" in (tmp_path / "stderr.txt").read_text()
    RunDir.create(tmp_path / "a", small())
    with pytest.raises(RunError, match="holds a run already"):
        RunDir.create(tmp_path / "a", small())
    assert os.listdir(tmp_path / "a") == ["config.yaml"]


# Mazes -------------------------------------------------------------------------------------------------------------------


def small_maze(**changes: object) -> RunConfig:
    model = preset("sudoku-4x4").model.model_dump() | {
        "seq_len": 49, "vocab_size": 6, "hidden_size": 32, "puzzle_emb_ndim": 32, "box_height": 0, "box_width": 0,
    }  # fmt: skip
    config = {
        "task": "maze-7x7", "model": model, "puzzles": [{"min_path": 6, "count": 300}, {"min_path": 12, "max_path": 14, "count": 50}],
        "evaluation": [{"min_path": 8, "count": 20}, {"min_path": 12, "max_path": 14, "count": 10}],
    }  # fmt: skip
    return small(**(config | changes))


def test_a_maze_run_learns_and_is_judged() -> None:
    config = small_maze(steps=60, evaluate_every=60)
    trainer = Trainer(config, Batches(config, *make_pool(config)), evaluation_sets(config))
    events = [e for entries in trainer.train() for e in entries]
    losses = [e["values"]["lm_loss"] for e in events if e["type"] == "metrics"]
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:10])
    (judged,) = (e for e in events if e["type"] == "evaluation")
    assert {name: found["puzzles"] for name, found in judged["sets"].items()} == {"path ≥ 8": 20, "path 12 to 14": 10}


def test_maze_batches_hold_mazes_whose_only_shortest_path_is_the_label() -> None:
    config = small_maze()
    batches = Batches(config, *make_pool(config))
    from hrm_model.tasks import maze

    for step in range(5):
        puzzles, solutions = batches.grids(step)
        found = maze.shortest_paths(puzzles)
        assert found.unique.all()
        assert (found.on_any == (solutions == maze.PATH)).all()
    made = {bytes(p) for p in make_pool(config)[0]}
    assert not made & {bytes(p) for found, _ in evaluation_sets(config).values() for p in found}


def test_evaluation_counts_another_shortest_path_as_right(monkeypatch: pytest.MonkeyPatch) -> None:
    from hrm_model.reason import BatchAnswers
    from hrm_model.tasks import maze
    from trainer import evaluate as module

    config = small_maze()
    model = Trainer(config, Batches(config, *make_pool(config))).model
    puzzle = maze.parse("S" + " " * 47 + "G")
    one, other = maze.solve(puzzle), maze.solve(puzzle).reshape(7, 7).T.ravel()
    assert (one != other).any()
    answers = np.stack([puzzle, one, other])[:, None]
    zeros = np.zeros((3, 1), np.float32)
    monkeypatch.setattr(module, "solve_batch", lambda *_, **__: BatchAnswers(answers, zeros, zeros))
    found = module.evaluate(model, puzzle[None], one[None], segments=3)
    assert found.exact_by_segment == (0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"puzzles": [{"clues": 6, "count": 9}]}, "no clues"),
        ({"task": "maze-7x8"}, "maze-7x8"),
        ({"task": "maze-8x8"}, "maze-7x7"),
    ],
)
def test_a_maze_run_that_cannot_be_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        small_maze(**changes)


# Datasets ----------------------------------------------------------------------------------------------------------------

PUBLISHED = ROOT / "tests" / "data" / "published"


def on_published(name: str, **changes: object) -> RunConfig:
    return on_dataset(small(**({"steps": 12, "evaluate_every": 12} | changes)), PUBLISHED / name)


@pytest.mark.parametrize("name", ["sudoku", "maze", "arc"])
def test_a_run_trains_on_a_published_dataset_and_is_judged_by_its_test_split(name: str) -> None:
    config = on_published(name, batch_size=4 if name != "sudoku" else 16, evaluation_segments=1)
    assert config.task == {"sudoku": "sudoku-9x9", "maze": "maze-30x30", "arc": "arc"}[name]
    assert config.model.num_puzzle_identifiers == (31 if name == "arc" else 1)
    trainer = Trainer(config, training_batches(config, Path("unused")), evaluation_sets(config))
    if name != "sudoku":
        trainer.train_step()  # 900 cells take long; one step shows it
        (judged,) = (trainer.evaluation_event(),)
    else:
        events = [e for entries in trainer.train() for e in entries]
        losses = [e["values"]["lm_loss"] for e in events if e["type"] == "metrics"]
        assert losses[-1] < losses[0]
        (judged,) = (e for e in events if e["type"] == "evaluation")
    assert judged["sets"]["test"]["puzzles"] == {"sudoku": 6, "maze": 2, "arc": 15}[name]


def test_batches_of_a_dataset_are_its_examples_or_symmetries_of_them() -> None:
    from hrm_model.loss import IGNORE
    from trainer.published import Dataset

    exact = on_published("sudoku", augment=False, easier_copies=0)
    split = Dataset(PUBLISHED / "sudoku").splits["train"]
    stored = {bytes(row) for row in split.rows(np.arange(32))[0].astype(np.uint8)}
    batch = DatasetBatches(exact)(3)
    assert {bytes(row) for row in batch["inputs"].numpy().astype(np.uint8)} <= stored
    assert (DatasetBatches(exact)(3)["inputs"] == batch["inputs"]).all()
    task = task_named("sudoku-9x9")
    varied = DatasetBatches(on_published("sudoku"))(3)
    puzzles, answers = (task.from_tokens(varied[k].numpy()) for k in ("inputs", "labels"))
    assert task.right(answers, puzzles, None).all()
    assert not {bytes(row) for row in varied["inputs"].numpy().astype(np.uint8)} <= stored
    arc = DatasetBatches(on_published("arc"))(0)
    assert ((arc["labels"] == IGNORE) | (arc["labels"] > 0)).all()
    assert (arc["labels"] == IGNORE).any()
    assert arc["puzzle_identifiers"].min() >= 1


def test_a_dataset_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    config = on_published("arc")
    table = config.model.model_copy(update={"num_puzzle_identifiers": 3})
    with pytest.raises(ValueError, match="31 puzzle identifiers, the model a table of 3"):
        DatasetBatches(config.model_copy(update={"model": table}))
    with pytest.raises(ValueError, match="boards of arc; the run is one of sudoku-4x4"):
        DatasetBatches(small().model_copy(update={"dataset": str(PUBLISHED / "arc")}))
    with pytest.raises(ValueError, match="either puzzles to generate or a dataset"):
        small(puzzles=())
    with pytest.raises(ValueError, match="is no dataset"):
        on_dataset(small(), tmp_path)


def test_a_run_on_a_dataset_that_is_gone_says_so(tmp_path: Path) -> None:
    config = on_published("sudoku").model_copy(update={"dataset": str(tmp_path / "gone")})
    run = RunDir.create(tmp_path / "run", config)
    told = subprocess.run(
        [sys.executable, "-m", "trainer", str(run.path)], capture_output=True, text=True, cwd=ROOT, timeout=200, check=False
    )
    assert told.returncode != 0
    last = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()][-1]
    assert last["type"] == "failed"
    assert "gone" in last["message"]

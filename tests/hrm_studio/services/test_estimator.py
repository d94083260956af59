"""Estimates: a child process does a few real steps, and the cost of a run is calculated from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from hrm_studio.services import estimator as estimator_module
from hrm_studio.services.child_process import ChildProcess
from hrm_studio.services.estimator import Estimator
from hrm_studio.ui.train import preset_labels
from tests.support.runs import small
from trainer.presets import PRESETS
from trainer.runs.estimate import MeasuredCost, cost_key, disk_bytes, from_json, run_seconds, to_json


@pytest.fixture
def estimator(qtbot: QtBot, tmp_path: Path) -> Iterator[Estimator]:
    found = Estimator(tmp_path / "estimates.json")
    yield found
    found.close()


def test_a_probe_really_trains_and_is_remembered(estimator: Estimator, qtbot: QtBot, tmp_path: Path) -> None:
    config = small(batch_size=8)
    with qtbot.waitSignal(estimator.measured) as told:
        estimator.measure(config)
    name, found = told.args
    assert name == cost_key(config)
    assert 0 < found.seconds_per_step < 60
    assert found.seconds_per_puzzle > 0
    assert found.memory > 50e6
    assert found.checkpoint > 100e3
    assert found.device == "cpu"
    again = Estimator(tmp_path / "estimates.json")
    assert again.known == {name: found}
    assert not list((tmp_path).glob("hrm-probe-*"))


def test_a_probe_that_cannot_run_says_why(estimator: Estimator, qtbot: QtBot) -> None:
    with qtbot.waitSignal(estimator.failed) as told:
        estimator.measure(small(device="cuda:7"))
    assert "cuda" in told.args[1].lower()
    assert not estimator.known


def test_cancelling_ends_the_measurement_silently(estimator: Estimator, qtbot: QtBot) -> None:
    heard: list[object] = []
    estimator.measured.connect(lambda *a: heard.append(a))
    estimator.failed.connect(lambda *a: heard.append(a))
    with qtbot.waitSignal(estimator.started):
        estimator.measure(small())
    qtbot.waitUntil(lambda: estimator.child is not None)
    child = estimator.child
    assert child is not None
    estimator.cancel()
    assert child.running
    qtbot.waitUntil(lambda: estimator.child is None)
    qtbot.wait(100)
    assert not heard


def test_what_a_run_will_take() -> None:
    config = small(steps=1000, evaluate_every=100, evaluation=[{"clues": 6, "count": 50}])
    measured = MeasuredCost(0.5, 0.01, 10**9, 10**6, "cpu")
    assert run_seconds(config, measured) == pytest.approx(1000 * 0.5 + 10 * 50 * 0.01)
    assert run_seconds(config.model_copy(update={"minutes": 2.0}), measured) == pytest.approx(120 + 2.4 * 50 * 0.01)
    assert disk_bytes(config, measured) > 4 * 10**6
    assert disk_bytes(config) > 0


def test_estimates_survive_a_damaged_file() -> None:
    found = {"a": MeasuredCost(0.5, 0.01, 10**9, 10**6, "cpu")}
    assert from_json(to_json(found)) == found
    for text in ("", "[]", "{", '{"a": 3}', '{"a": {"seconds": 1}}'):
        assert from_json(text) == {}


def test_what_costs_no_time_needs_no_new_measurement() -> None:
    config = small()
    assert cost_key(small(lr=5e-4, seed=3, steps=7)) == cost_key(config)
    for costly in ({"batch_size": 8}, {"q_continue": True}, {"dtype": "bfloat16"}):
        assert cost_key(small(**costly)) != cost_key(config)


def test_a_preset_of_a_dataset_that_is_not_there_is_measured_and_says_what_is_missing() -> None:
    config = PRESETS["arc-agi-1"]
    assert "not built yet" in preset_labels.data(config)
    assert disk_bytes(config) > 5e9


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("", "The process that measures failed: exit code 0"),
        ("import sys; sys.exit('no settings here')", "The process that measures failed: no settings here"),
        ("print('a library says hello'); print({'error': 'no kernel'}.__repr__().replace(chr(39), chr(34)))", "no kernel"),
    ],
    ids=["silent", "last words", "error"],
)
def test_a_measurement_that_gave_nothing_says_why(
    estimator: Estimator, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    real = ChildProcess.__init__
    monkeypatch.setattr(ChildProcess, "__init__", lambda self, arguments, *rest, **options: real(self, ["-c", script], *rest, **options))
    with qtbot.waitSignal(estimator.failed) as told:
        estimator.measure(small())
    assert told.args == [cost_key(small()), words]
    with qtbot.waitSignal(estimator.failed):  # and it can be asked again
        estimator.measure(small())


def test_what_takes_too_long_is_ended(estimator: Estimator, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimator_module, "_LONGEST_WAIT", 0.3)
    with qtbot.waitSignal(estimator.failed) as told:
        estimator.measure(small())
    assert told.args[1] == "no step was done in 0 seconds"
    assert estimator.child is None


def test_one_after_the_other(estimator: Estimator, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ChildProcess.__init__
    answer = '{"seconds_per_step": 1, "seconds_per_puzzle": 2, "memory_bytes": 3, "checkpoint_bytes": 4, "device": "cpu"}'
    script = f"print('{answer}')"
    monkeypatch.setattr(ChildProcess, "__init__", lambda self, arguments, *rest, **options: real(self, ["-c", script], *rest, **options))
    configs = [small(batch_size=size) for size in (1, 2, 3)]
    heard: list[str] = []
    estimator.started.connect(lambda name: heard.append(f"started {name}"))
    estimator.measured.connect(lambda name, _: heard.append(f"measured {name}"))
    for config in [*configs, configs[0]]:
        estimator.measure(config)
    qtbot.waitUntil(lambda: len(estimator.known) == 3)
    assert heard == [f"{word} {cost_key(config)}" for config in configs for word in ("started", "measured")]
    assert estimator.known[cost_key(configs[2])] == MeasuredCost(1, 2, 3, 4, "cpu")

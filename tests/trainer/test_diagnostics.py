from __future__ import annotations

from typing import Any

import pytest

from tests.support.runs import small
from trainer.config import RunConfig
from trainer.diagnostics import Diagnostics
from trainer.runs.events import Event, event


def metrics(step: int, exact: float, steps: float = 4.0, ended: int = 500) -> Event:
    return event("metrics", step, values={"exact_accuracy": exact, "steps": steps}, ended=ended)


def judged(step: int, exact: float, cells: float) -> Event:
    return event("evaluation", step, values={"exact_accuracy": exact, "accuracy": cells}, sets={})


def codes(diagnostics: Diagnostics, entries: list[Event]) -> list[tuple[int, str]]:
    return [(w["step"], w["code"]) for entry in entries for w in diagnostics.check(entry)]


@pytest.fixture
def config() -> RunConfig:
    return small(steps=1000, warmup_steps=10)


def test_overfitting_gives_a_warning_and_learning_does_not(config: RunConfig) -> None:
    bad = [judged(100, 0.4, 0.8), *(metrics(100 + k, 1.0) for k in range(8))]
    found = codes(Diagnostics(config), bad)
    assert [c for _, c in found] == ["overfitting"]
    good = [judged(100, 0.99, 1.0), *(metrics(100 + k, 1.0) for k in range(8))]
    assert codes(Diagnostics(config), good) == []
    # Too few examples give no warning.
    assert codes(Diagnostics(config), [judged(100, 0.4, 0.8), metrics(101, 1.0, ended=300)]) == []
    assert "add an evaluation set of unseen puzzles" in Diagnostics(config).check(metrics(1, 1.0, ended=3000))[0]["message"]


def test_segments_pinned_at_the_maximum_give_a_warning(config: RunConfig) -> None:
    most = config.model.halt_max_steps
    early, late = ([metrics(s + k, 0.1, steps=most) for k in range(10)] for s in (50, 300))
    assert codes(Diagnostics(config), early) == []
    assert codes(Diagnostics(config), late) == [(303, "pinned")]
    solving = Diagnostics(config)
    assert [w["message"] for k in range(10) for w in solving.check(metrics(300 + k, 0.8, most))][0].count("not learned to halt") == 1
    assert codes(Diagnostics(config), [metrics(300 + k, 0.1, steps=0.9 * most) for k in range(10)]) == []
    assert codes(Diagnostics(config.model_copy(update={"full_length": 1.0})), late) == []


@pytest.mark.parametrize(("cells", "warned"), [([0.4, 0.45, 0.5, 0.6], True), ([0.6, 0.6, 0.6, 0.6], False), ([0.1, 0.2, 0.3, 0.4], False)])
def test_better_cells_without_a_solved_puzzle_give_a_warning(config: RunConfig, cells: list[float], warned: bool) -> None:
    found = codes(Diagnostics(config), [judged(20 * k, 0.0, c) for k, c in enumerate(cells)])
    assert found == ([(60, "nothing-solved")] if warned else [])
    solving = [judged(20 * k, 0.01 * (k == 3), c) for k, c in enumerate(cells)]
    assert codes(Diagnostics(config), solving) == []


def test_a_plateau_needs_many_evaluations_over_a_tenth_of_the_run(config: RunConfig) -> None:
    flat = [judged(20 * k, 0.5, 0.9) for k in range(12)]
    assert codes(Diagnostics(config), flat) == [(160, "plateau")]
    assert codes(Diagnostics(config), [judged(20 * k, 0.5 + 0.002 * k, 0.9) for k in range(12)]) == []
    assert codes(Diagnostics(config), [judged(20 * k, 0.5, 0.8 + 0.01 * k) for k in range(12)]) == []
    assert codes(Diagnostics(config), [judged(20 * k, 0.99, 1.0) for k in range(12)]) == []
    assert codes(Diagnostics(config), [judged(2 * k, 0.5, 0.9) for k in range(12)]) == []


def test_each_warning_comes_once_a_run_even_after_a_restart(config: RunConfig) -> None:
    flat = [judged(20 * k, 0.5, 0.9) for k in range(30)]
    whole = Diagnostics(config)
    told: list[Any] = [w for entry in flat for w in whole.check(entry)]
    assert len(told) == 1
    again = Diagnostics(config)
    for entry in [*flat[:10], *told]:
        again.replay(entry)
    assert codes(again, flat[10:]) == []
    # Evaluations from before the restart count.
    other = Diagnostics(config)
    for entry in flat[:8]:
        other.replay(entry)
    assert codes(other, flat[8:9]) == [(160, "plateau")]

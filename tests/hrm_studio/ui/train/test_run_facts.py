"""What the Train page says of a run: which limit ends it, what it is doing; and how much room its plots get."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from hrm_studio.models.plot_settings import PlotSettings
from hrm_studio.theme import Theme
from hrm_studio.ui.train.metric_panels import PANELS
from hrm_studio.ui.train.plot_grid import PlotGrid
from hrm_studio.ui.train.plot_toolbar import PlotToolbar
from hrm_studio.ui.train.run_labels import facts
from tests.support.runs import small
from trainer.runner import Runner
from trainer.runs.run_dir import RunDir
from trainer.runs.summary import RunSummary, SummaryReader

RUNNING = RunSummary(Path("a-run"), state="running", step=300, steps=3000, last_step=3000, eta_seconds=840, steps_per_second=0.7)


def test_the_limit_that_ends_a_run_is_named_and_the_bar_follows_it() -> None:
    by_time = replace(RUNNING, last_step=612)
    assert "its time limit ends it in 14 min, near step 610" in facts(by_time)
    assert by_time.progress == pytest.approx(300 / 612)
    assert not any("limit" in fact for fact in facts(RUNNING))
    assert RUNNING.progress == pytest.approx(0.1)
    assert replace(by_time, state="finished").progress == pytest.approx(0.1)


def test_an_evaluation_shows_how_far_it_is() -> None:
    assert "evaluating 120 of 512 puzzles" in facts(replace(RUNNING, evaluating=(120, 512)))


def test_a_trainer_writes_its_limit_and_its_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=20, evaluate_every=10, minutes=0.001))
    written: list[dict[str, object]] = []
    monkeypatch.setattr(RunDir, "write_status", lambda _, **fields: written.append(fields))
    monkeypatch.setattr("trainer.runner._STATUS_EVERY", 0.0)
    monkeypatch.setattr("trainer.interrupt._EVERY", 0.0)
    Runner(run).run()
    evaluating = [fields["evaluating"] for fields in written if fields["evaluating"]]
    assert evaluating
    assert all(0 <= done <= total == 16 for done, total in evaluating), evaluating
    assert min(fields["last_step"] for fields in written) < 20  # the time limit comes first
    assert written[-1]["evaluating"] is None
    reader = SummaryReader(run.path)
    assert reader.update(0.0).last_step == 0  # runs of older versions do not say


def test_pale_lines_and_areas_are_explained(qtbot: QtBot) -> None:
    settings = PlotSettings()
    toolbar = PlotToolbar(settings, Theme("light"))
    qtbot.addWidget(toolbar)
    toolbar.set_smoothing(0.6)
    assert "before smoothing" in toolbar.pale.text()
    toolbar.set_smoothing(0.0)
    assert toolbar.pale.text() == "pale area: 95 % interval"


@pytest.mark.parametrize(("width", "height"), [(700, 500), (1000, 640), (1900, 1200)])
def test_the_important_plots_are_large_and_the_others_small(qtbot: QtBot, width: int, height: int) -> None:
    grid = PlotGrid(PlotSettings(), Theme("light"))
    qtbot.addWidget(grid)
    grid.resize(width, height)
    grid._panels = list(PANELS)
    for panel in PANELS:
        grid._made[panel] = grid._new_plot(panel)
    grid.show()
    grid._lay_out()
    qtbot.wait(20)
    large, small_ones = grid.plots[:3], grid.plots[3:]
    assert min(p.height() for p in large) >= 200 > max(p.height() for p in small_ones)
    assert min(p.width() for p in large) >= min(p.width() for p in small_ones)
    for k, plot in enumerate(grid.plots):
        for other in grid.plots[k + 1 :]:
            assert not plot.geometry().intersects(other.geometry())

"""A run that cannot be read is listed as such, and hides neither the other runs nor what else it holds."""

from __future__ import annotations

import errno
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hrm_model.errors import ConfigError, RunError
from hrm_studio.services.run_follower import _RunsReader
from tests.support.cli import run as command
from tests.support.runs import recorded, small
from trainer.diagnostics import Diagnostics
from trainer.runs import Run, manage
from trainer.runs.events import describe
from trainer.runs.log import RunLog, parse_events
from trainer.runs.run_dir import RunDir
from trainer.runs.summary import SummaryReader

STATUS = {
    "a list": "[]", "text": '"running"', "cut short": '{"v": 1, "sta', "empty": "", "step is text": '{"state": "running", "step": "many"}',
    "step is NaN": '{"state": "finished", "step": NaN}', "seconds is an object": '{"state": "stopped", "seconds": {}}',
    "nested without end": "[" * 20_000, "not UTF-8": "\udcff",
}  # fmt: skip
CONFIG = {
    "a list": "[]\n",
    "empty": "",
    "no YAML": "a: [",
    "a field of another type": "task: 3\n",
    "a date that is none": "task: 2026-13-45\n",
    "not UTF-8": "\udcff",
}


def listed(root: Path) -> dict[str, tuple[str, str]]:
    """State and message of each run, as the command line and the window's follower list them; both tell the same."""
    result = command("runs", "list", "--in", root, "--json")
    assert result.exit_code == 0, result.output
    shell = {r["name"]: (r["state"], r["message"]) for r in json.loads(result.stdout)["runs"]}
    news = _RunsReader(root).read({}, [], [], 0.0)
    assert {s.name: (s.state, s.message) for s in news.changed} == shell
    return shell


@pytest.mark.parametrize("name", STATUS)
def test_a_damaged_status_makes_its_run_unreadable_and_no_other(tmp_path: Path, name: str) -> None:
    good, bad = recorded(tmp_path / "good"), recorded(tmp_path / "bad")
    bad.status_file.write_bytes(STATUS[name].encode(errors="surrogateescape"))
    found = listed(tmp_path)
    assert found["good"] == ("finished", "")
    state, message = found["bad"]
    assert (state, str(bad.status_file) in message) == ("unreadable", True)
    with pytest.raises(RunError, match=r"status\.json"):
        bad.status()
    # It is still a run: its curves are there, it can be moved, and a trainer that claims it writes its status anew.
    assert len(Run(bad.path).metrics["loss"]) == 40
    manage.rename(bad, "moved")
    again = RunDir(tmp_path / "moved")
    again.claim()
    assert again.status()["state"] == "starting"
    assert good.status()["state"] == "finished"


@pytest.mark.parametrize("name", CONFIG)
def test_a_damaged_configuration_makes_its_run_unreadable_and_no_other(tmp_path: Path, name: str) -> None:
    recorded(tmp_path / "good")
    bad = recorded(tmp_path / "bad")
    bad.config_file.write_bytes(CONFIG[name].encode(errors="surrogateescape"))
    found = listed(tmp_path)
    assert found["good"] == ("finished", "")
    assert found["bad"][0] == "unreadable"
    assert "config.yaml" in found["bad"][1]
    with pytest.raises(ConfigError):
        bad.config()
    result = command("runs", "show", "bad", "--in", tmp_path)
    assert result.exit_code == 2
    assert "config.yaml" in result.stderr


@pytest.mark.parametrize("hidden", ["the folder", "config.yaml", "status.json", "events.jsonl", "checkpoints"])
def test_a_run_of_another_user_is_unreadable_and_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    recorded(tmp_path / "good")
    bad = recorded(tmp_path / "bad")
    bad.checkpoints.mkdir()
    away = str(bad.path if hidden == "the folder" else bad.path / hidden)
    refuse(monkeypatch, lambda path: (path + os.sep).startswith(away + os.sep))
    found = listed(tmp_path)
    assert found["good"] == ("finished", "")
    if hidden == "checkpoints":  # all that matters is there
        assert found["bad"] == ("finished", "")
    else:
        assert found["bad"][0] == "unreadable"
        assert "Permission denied" in found["bad"][1]


def refuse(monkeypatch: pytest.MonkeyPatch, away: Callable[[str], bool]) -> None:
    """Make files behave as another user's: a real one does not help, because tests may run as root."""

    def guarded(act: Callable[..., Any]) -> Callable[..., Any]:
        def guard(path: Any, *given: Any, **more: Any) -> Any:
            if isinstance(path, str | os.PathLike) and away(os.fspath(path)):  # type: ignore[arg-type]
                raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
            return act(path, *given, **more)

        return guard

    for name in ("stat", "scandir", "listdir", "open"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))
    monkeypatch.setattr("io.open", guarded(open))
    monkeypatch.setattr(Path, "open", guarded(Path.open))


def odd_values(chance: random.Random) -> Any:
    return chance.choice([None, True, "text", "", -1, 3.5, 10**400, [], [1], {}, {"a": []}, {"exact": "all"}, float("nan"), float("inf")])


def mutated(entry: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The event with a field, or one inside a field, removed or replaced."""
    entry = json.loads(json.dumps(entry))
    place: Any = entry
    while True:
        name = chance.choice(list(place))
        if isinstance(place[name], dict) and place[name] and chance.random() < 0.6:
            place = place[name]
            continue
        if chance.random() < 0.4:
            del place[name]
        else:
            place[name] = odd_values(chance)
        return entry


@pytest.mark.parametrize("seed", range(2))
def test_events_with_missing_and_wrong_fields_are_skipped_by_every_reader(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    run = recorded(tmp_path / "run")
    run.emit({"v": 1, "type": "warning", "time": 1.0, "step": 3, "code": "disk", "message": "full"})  # type: ignore[arg-type]
    whole = [json.loads(line) for line in run.events_file.read_text().splitlines()]
    lines = [json.dumps(entry) for entry in whole]
    for _ in range(200):
        lines.insert(chance.randrange(len(lines) + 1), json.dumps(mutated(chance.choice(whole), chance)))
    for odd in ("3", "[]", "null", '"text"', "{}", "{", "[" * 3000, '{"v": 1}', '{"v": 1, "type": []}', "\x00" * 50):
        lines.insert(chance.randrange(len(lines) + 1), odd)
    run.events_file.write_text("\n".join(lines) + "\n")
    reader = run.events()
    entries = reader.read()
    assert reader.broken > 60
    assert len(entries) >= len(whole)
    log, diagnostics = RunLog(), Diagnostics(small())
    log.apply(parse_events(entries))
    for entry in entries:
        assert describe(entry)
        diagnostics.replay(entry)
        diagnostics.check(entry)
    found = Run(run.path)
    assert len(found.metrics["loss"]) >= 40
    assert found.evaluations
    summary = SummaryReader(run.path).update(0.0)
    assert summary.state == "finished"
    for asked in (
        ("list", "--in", tmp_path),
        ("show", "run", "--in", tmp_path),
        ("show", "run", "--in", tmp_path, "--json"),
        ("follow", "run", "--in", tmp_path),
    ):
        result = command("runs", *asked)
        assert result.exit_code == 0, result.output
    assert f"{reader.broken} damaged lines" in command("runs", "show", "run", "--in", tmp_path).output


def test_the_computing_time_of_a_run_is_that_of_its_last_metrics(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small())
    run.emit({"v": 1, "type": "started", "time": 1.0, "step": 0})  # type: ignore[typeddict-item]
    for step in (1, 2):
        run.emit({"v": 1, "type": "metrics", "time": 1.0, "step": step, "values": {"loss": 1.0}, "seconds": 10.5 * step})  # type: ignore[typeddict-item]
    for kind, more in (("saved", {"checkpoint": "step_000002"}), ("machine", {"values": {"cpu": 0.5}}), ("finished", {"reason": "done"})):
        run.emit({"v": 1, "type": kind, "time": 1.0, "step": 2, **more})  # type: ignore[typeddict-item]
    assert SummaryReader(run.path).update(0.0).seconds == 21.0
    assert "21 s" in command("runs", "list", "--in", tmp_path).output
    # A run that ended before its first metrics has its time in the status.
    run.events_file.unlink()
    run.write_status(state="stopped", step=3, seconds=17.2)
    assert SummaryReader(run.path).update(0.0).seconds == 17.2

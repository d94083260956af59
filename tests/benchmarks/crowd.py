"""Whether many at once on one folder of runs harm each other: `python -m tests.benchmarks.crowd [--trainers 10] [--kills 20] [--still 60] [--seed 0]`.

1. So many trainers train the same configuration on one folder, and every run is also started a second time, which must be refused. Meanwhile a shell lists
   the runs again and again, tries to delete them, and two followers, as two windows have them, read them. At each look the told state must be true.
2. One run is suspended (SIGSTOP) for `--still` seconds. It must be live all the time, and not be moved; then it goes on.
3. Studios, two at a time, train, record and export, and are killed (SIGKILL) at random moments, `--kills` in all. Their trainers go on.

At the end every run must have finished with the same figures, every trace and picture must be whole, and the settings readable. Prints JSON; ends with 1 if
anything is wrong. Found with `--trainers 4 --still 10 --kills 4` and seed 0: nothing wrong in 46 looks, 8 runs that the studios began, 440 recordings and
8 pictures; 9 minutes on two cores that ten other processes shared.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from hrm_model.errors import RunError
from hrm_studio.services.run_follower import _RunsReader
from tests.support.runs import figures, newest_step, small
from trainer.runs import manage
from trainer.runs.run_dir import LIVE, RunDir

_PATIENCE = 1800.0  # seconds; a machine may be slow
_CONFIG = {"steps": 60, "checkpoint_every": 5, "evaluate_every": 30}


def start(run: RunDir) -> subprocess.Popen[bytes]:
    with (run.path / "log.txt").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "trainer", str(run.path)], stdout=log, stderr=log)


def until(condition: Callable[[], object], faults: list[str], what: str) -> bool:
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            faults.append(f"{what}: not so after {_PATIENCE:.0f} s")
            return False
        time.sleep(0.05)
    return True


def not_moved(run: RunDir, process: subprocess.Popen[bytes], faults: list[str]) -> None:
    """Try to delete a run whose trainer lives."""
    if run.status().get("state") not in LIVE or process.poll() is not None:
        return
    try:
        manage.delete(run)
    except RunError:
        return
    if process.poll() is None:  # else it ended just now, and may be moved
        faults.append(f"{run.path.name} was moved while its trainer was alive")
    manage.undelete(run.path.name, run.path.parent)


def crowd(folder: Path, count: int, chance: random.Random, faults: list[str]) -> int:
    """Many trainers, two followers and a shell. Returns how often it was looked."""
    config = small(**_CONFIG)
    runs = [RunDir.create(folder / f"run-{number}", config) for number in range(count)]
    first = {run.path: start(run) for run in runs}
    for run in runs:
        until(lambda run=run: run.status() or first[run.path].poll() is not None, faults, f"{run.path.name} begins")
    second = {run.path: start(run) for run in runs}
    followers, looks = [_RunsReader(folder), _RunsReader(folder)], 0
    while any(process.poll() is None for process in first.values()):
        looks += 1
        for follower in followers:
            follower.read({}, [], [], time.monotonic())
        for run in runs:
            process = first[run.path]
            alive_before = process.poll() is None
            state = run.status().get("state")
            if alive_before and process.poll() is None and state not in (*LIVE, "finished"):
                faults.append(f"{run.path.name} is told to be {state!r}, but its trainer lives")
        run = chance.choice(runs)
        not_moved(run, first[run.path], faults)
        if chance.random() < 0.1:
            shell = subprocess.run(
                [sys.executable, "-m", "hrm_studio", "runs", "list", "--in", str(folder), "--json"],
                capture_output=True,
                text=True,
                check=False,
            )
            if shell.returncode or len(json.loads(shell.stdout)["runs"]) != count:
                faults.append(f"the shell lists {shell.stdout[:300]} {shell.stderr[:300]}")
        time.sleep(0.2)
    for run in runs:
        codes = first[run.path].wait(), second[run.path].wait()
        if codes not in ((0, 2), (0, 0)):  # (0, 0): the first had finished before the second claimed the run
            faults.append(f"{run.path.name}: two trainers at once ended with {codes}")
    return looks


def same_figures(folder: Path, faults: list[str]) -> None:
    """Every run of a folder has finished, with the same figures."""
    runs = manage.all_runs(folder)
    whole = figures(runs[0])
    for run in runs:
        if run.status().get("state") != "finished":
            faults.append(f"{run.path.name} is {run.status().get('state')!r}")
        if figures(run) != whole:
            faults.append(f"the figures of {run.path.name} differ from those of {runs[0].path.name}")
        faults += [f"{run.path.name}: {part.name} was left behind" for part in run.path.rglob("*.part")]


def suspended(folder: Path, seconds: float, faults: list[str]) -> None:
    run = RunDir.create(folder / "still", small(**_CONFIG | {"steps": 10_000, "evaluate_every": 10_000}))
    process = start(run)
    if not until(lambda: newest_step(run) > 3 or process.poll() is not None, faults, "the run to suspend trains"):
        return
    process.send_signal(signal.SIGSTOP)
    step, end = newest_step(run), time.monotonic() + seconds
    while time.monotonic() < end:
        if run.status().get("state") not in LIVE:
            faults.append(f"a suspended run is told to be {run.status().get('state')!r}")
            break
        not_moved(run, process, faults)
        time.sleep(0.5)
    run.command("stop")
    process.send_signal(signal.SIGCONT)
    if process.wait(_PATIENCE) or run.status().get("state") != "stopped":
        faults.append(f"a suspended run ended with {process.returncode}, {run.status()}")
    if newest_step(run) < step:
        faults.append("a suspended run lost steps")


def killed_studios(home: Path, kills: int, chance: random.Random, faults: list[str]) -> dict[str, int]:
    """Two studios at a time on one home; how much they did."""
    exports = home / "exports"
    exports.mkdir()
    environment = {**os.environ, "HRM_STUDIO_HOME": str(home)}
    done: dict[str, int] = {}
    said = home / "said.txt"
    startup: float | None = None
    killed = 0
    while killed < kills:
        begin = time.monotonic()
        with said.open("wb") as out:
            command = [sys.executable, "-m", "tests.support.busy_studio", str(exports)]
            studios = [
                subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment) for _ in range(min(2, kills - killed))
            ]
        if startup is None:  # the first ones show how long a studio takes to do anything here
            until(lambda: b"exported" in said.read_bytes(), faults, "a studio exports")
            startup = time.monotonic() - begin
        for studio in studios:
            time.sleep(chance.uniform(0.1, 1.0) * startup)
            if studio.poll() is not None:
                faults.append(f"a studio ended by itself with {studio.returncode}")
            studio.kill()
            studio.wait()
            killed += 1
        words = said.read_text(encoding="utf-8", errors="replace")
        if "Traceback" in words:
            faults.append(words[-1500:])
        for name in ("trains", "recorded", "exported"):
            done[name] = done.get(name, 0) + words.splitlines().count(name)
    runs = manage.all_runs(home / "runs")
    until(lambda: all(run.status().get("state") not in LIVE for run in runs), faults, "the studios' trainers end")
    for run in runs:  # a studio may be killed between making a run and starting its trainer
        if run.status().get("state") != "finished":
            start(run).wait()
    return done | {"runs": len(runs)}


def whole_files(home: Path, faults: list[str]) -> None:
    """Every trace, picture and setting that the studios left can be read."""
    from PySide6.QtCore import QSettings
    from PySide6.QtGui import QImage

    from hrm_model.trace_file import io as trace_file

    for file in (home / "traces").glob("*.h5"):
        trace_file.read_all(file, guard=False)
    for file in (home / "exports").glob("*.png"):
        if QImage(str(file)).isNull():
            faults.append(f"{file.name} is not a picture")
    for file in home.rglob("*.json"):
        json.loads(file.read_text(encoding="utf-8"))
    for file in home.rglob("*.ini"):
        if QSettings(str(file), QSettings.Format.IniFormat).status() != QSettings.Status.NoError:
            faults.append(f"{file.name} cannot be read")


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--trainers", type=int, default=10)
    given.add_argument("--kills", type=int, default=20, help="studios to kill")
    given.add_argument("--still", type=float, default=60.0, help="seconds for which a run is suspended")
    given.add_argument("--seed", type=int, default=0)
    asked = given.parse_args()
    chance, faults = random.Random(asked.seed), list[str]()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        looks = crowd(home / "crowd", asked.trainers, chance, faults) if asked.trainers else 0
        if asked.trainers:
            same_figures(home / "crowd", faults)
            print(json.dumps({"trainers": asked.trainers, "looks": looks, "faults": faults}), flush=True)
        if asked.still:
            suspended(home / "still", asked.still, faults)
            print(json.dumps({"suspended_seconds": asked.still, "faults": faults}), flush=True)
        if asked.kills:
            (home / "studio").mkdir()
            done = killed_studios(home / "studio", asked.kills, chance, faults)
            same_figures(home / "studio" / "runs", faults)
            whole_files(home / "studio", faults)
            print(json.dumps({"killed_studios": asked.kills, **done, "faults": faults}), flush=True)
    print(json.dumps({"faults": faults, "seconds": round(time.monotonic() - begin)}))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""Each reader with good inputs, and how one of them is spoiled. A reader reads one input from a folder of its own.

`READERS[name]` makes a `Reader`: `spoil(rng)` writes a spoiled input, `read()` reads it. What a person can cause must be an expected error
with one line that names the fault; all else is a fault of the reader.
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hrm_model.checkpoint.inspect import inspect, statistics
from hrm_model.checkpoint.pickle import read_pickle
from hrm_model.errors import TraceFileError
from hrm_model.hub.client import HubSettings, choose, describe
from hrm_model.tasks.arc.puzzle import read_what_can_be
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.read import parse_any, read_text
from hrm_model.trace_file.guard import limit_resources
from hrm_model.trace_file.io import TraceReader
from tests.benchmarks.faults import mutate
from tests.paths import DATA, PUBLISHED_DATA, ROOT
from tests.support.hub_server import Hub
from tests.support.trace_fuzz import mutations
from trainer.config import read_config
from trainer.data.check import check_dataset
from trainer.data.identifiers import find_number
from trainer.data.published import Dataset
from trainer.runs.events import LineReader
from trainer.runs.log import RunLog, parse_events
from trainer.runs.run_dir import RunDir
from trainer.runs.summary import SummaryReader

OLD = DATA / "before_0.2"
LINE = "2.83..5......5.69.......1.......3..1..154.8...5.69...746..........2...3...7....8."
SOLVED = "218369574374152698695478123746823951931547862852691347463785219589214736127936485"
ROWS = "\n".join(LINE[r : r + 9] for r in range(0, 81, 9))
BOXED = "+---+---+---+\n" + "\n".join(f"|{r[:3]}|{r[3:6]}|{r[6:]}|" for r in ROWS.split("\n")) + "\n+---+---+---+"
SPACED = ROWS.replace(".", " ")
MAZE = "#########\n#S  #   #\n# # # # #\n# #   # #\n# ##### #\n#     # #\n##### # #\n#      G#\n#########"
LISTED = json.dumps([[int(c) if c != "." else 0 for c in row] for row in ROWS.split("\n")])
HTML = "<table>" + "".join("<tr>" + "".join(f"<td>{c.strip('.')}</td>" for c in row) + "</tr>" for row in ROWS.split("\n")) + "</table>"
TEXTS = (
    LINE,
    ROWS,
    BOXED,
    SPACED,
    MAZE,
    LISTED,
    HTML,
    "\n".join(",".join(r) for r in ROWS.split("\n")),
    f"https://a.b/?bd={LINE}",
    "012/345/678",
)
TABLES = (
    f"source,question,answer,rating\na,{LINE},{SOLVED},3\n", f"puzzle;solution\n{LINE};{SOLVED}\n", f"# c\n{LINE}\n{LINE} # x\n", BOXED + "\n\n" + BOXED,
    f'{{"puzzle": "{LINE}", "solution": "{SOLVED}"}}\n', MAZE + "\n\n" + MAZE, f"1,{LINE}\n2,{LINE}\n",
)  # fmt: skip


class Reader:
    """One reader. `folder`: its own, where the spoiled input is written."""

    def __init__(self, folder: Path, spoil: Callable[[Path, random.Random], None], read: Callable[[Path], object]) -> None:
        self.folder, self._spoil, self._read = folder, spoil, read

    def spoil(self, rng: random.Random) -> None:
        self._spoil(self.folder, rng)

    def read(self) -> object:
        return self._read(self.folder)


def _file(name: str, make: Callable[[random.Random], bytes]) -> Callable[[Path, random.Random], None]:
    return lambda folder, rng: _write(folder / name, make(rng))


def _write(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def _text(folder: Path) -> Reader:
    return Reader(
        folder, _file("p.txt", lambda rng: mutate.spoiled_text(rng.choice(TEXTS), rng)), lambda f: parse_any(read_text(f / "p.txt"))
    )


def _table(folder: Path) -> Reader:
    return Reader(folder, _file("p.csv", lambda rng: mutate.spoiled_text(rng.choice(TABLES), rng)), lambda f: read_puzzles(f / "p.csv"))


def _arc(folder: Path) -> Reader:
    task = json.loads((PUBLISHED_DATA / "arc_tasks" / "training" / "trflip.json").read_text())
    many = {"a": task, "b": task}
    return Reader(
        folder, _file("t.json", lambda rng: mutate.spoiled_json(rng.choice((task, many)), rng)), lambda f: read_what_can_be(f / "t.json")
    )


def _trace(folder: Path) -> Reader:
    goods = [(OLD / "traces" / name).read_bytes() for name in ("sudoku_pooled.h5", "sudoku_extras.h5", "sudoku_killed.h5.part")]

    def spoil(folder: Path, rng: random.Random) -> None:
        file = folder / "t.h5"
        if rng.random() < 0.7:
            good = rng.choices(goods, (10, 10, 1))[0]
            file.write_bytes(next(mutations(good, rng.randrange(1 << 30))))
            return
        file.write_bytes(goods[rng.randrange(2)])
        with h5py.File(file, "r+") as opened:  # its structure
            names: list[str] = []
            opened.visit(names.append)
            for _ in range(rng.choice((1, 1, 2, 5))):
                name = rng.choice(names)
                if name not in opened:
                    continue
                where = opened[name]
                match rng.randrange(4):
                    case 0:
                        del opened[name]
                    case 1:
                        where.attrs[rng.choice(("NX_class", "states", "step", "layer", "format"))] = rng.choice(
                            ("NXentry", "", [1, 2], 7, 1.5, "none", b"\xff")
                        )
                    case 2 if isinstance(where, h5py.Dataset):
                        del opened[name]
                        opened[name] = rng.choice(
                            (0, -1, "x", np.zeros(3), np.full((2, 3, 4), np.nan), np.zeros((5, 0)), [b"\xff\xfe"], np.arange(18), 2**62)
                        )
                    case 3 if isinstance(where, h5py.Dataset) and where.shape and where.dtype.kind in "iuf" and where.size:
                        where[...] = rng.choice((0, 1, 200, where[...].max()))
                    case _:
                        pass

    def read(folder: Path) -> None:
        """As `hrm_model.trace_file.guard` does it, in a process with the same limits, but forked: 200 times as fast."""
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            told = ""
            try:
                signal.setitimer(signal.ITIMER_REAL, 1.0)  # ends it where the library sleeps between tries at a file that grows
                limit_resources((folder / "t.h5").stat().st_size)
                with TraceReader(folder / "t.h5") as reader:
                    for name in reader.names:
                        reader.scan(name)
            except TraceFileError as error:
                told = str(error)
            except BaseException as error:
                told = f"!{type(error).__name__} {error}"
            os.write(writing, told.encode(errors="replace")[:4000])
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read().decode()
        _, status = os.waitpid(child, 0)
        if told.startswith("!"):
            raise AssertionError(told[1:100])
        if status or told:
            raise TraceFileError(told or "the HDF5 library crashed or ran in circles, and its process was ended")

    return Reader(folder, spoil, read)


def _look(path: Path) -> None:
    found = inspect(path)
    found.as_json()
    if not found.fault:
        statistics(found, next(iter(found.names)))


def _checkpoint(folder: Path) -> Reader:
    own = OLD / "checkpoints" / "exported"
    weights, config = (own / "model.safetensors").read_bytes(), json.loads((own / "config.json").read_text())

    def spoil(folder: Path, rng: random.Random) -> None:
        both = rng.random()
        (folder / "model.safetensors").write_bytes(mutate.spoiled_safetensors(weights, rng) if both < 0.6 else weights)
        (folder / "config.json").write_bytes(mutate.spoiled_json(config, rng) if both > 0.5 else json.dumps(config).encode())

    return Reader(folder, spoil, _look)


def _published(folder: Path) -> Reader:
    source = OLD / "checkpoints" / "published"
    weights, config = (source / "step_10").read_bytes(), (source / "all_config.yaml").read_text()

    def spoil(folder: Path, rng: random.Random) -> None:
        both = rng.random()
        (folder / "step_10").write_bytes(mutate.spoiled_zip(weights, rng) if both < 0.6 else weights)
        (folder / "all_config.yaml").write_bytes(mutate.spoiled_text(config, rng) if both > 0.5 else config.encode())

    return Reader(folder, spoil, _look)


def _pickle(folder: Path) -> Reader:
    with zipfile.ZipFile(OLD / "checkpoints" / "published" / "step_10") as archive:
        good = archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl")))
    return Reader(
        folder,
        _file("data.pkl", lambda rng: mutate.spoiled_pickle(good, rng)),
        lambda f: read_pickle((f / "data.pkl").read_bytes(), str(f)),
    )


def _configuration(folder: Path) -> Reader:
    good = (OLD / "run" / "config.yaml").read_text()
    return Reader(folder, _file("config.yaml", lambda rng: mutate.spoiled_text(good, rng)), lambda f: read_config(f / "config.yaml"))


def _run(folder: Path, name: str, make: Callable[[random.Random], bytes]) -> Reader:
    run = folder / "run"
    shutil.copytree(OLD / "run", run, ignore=shutil.ignore_patterns("checkpoints", "probes"))

    def read(_: Path) -> None:
        log, reader = RunLog(), RunDir(run).events()
        log.apply(parse_events(reader.read()))
        assert isinstance(log.metrics.names, tuple)
        SummaryReader(run).update(1e9)
        RunDir(run).status()
        list(LineReader(run / "commands.jsonl").read())

    return Reader(folder, lambda _, rng: _write(run / name, make(rng)), read)


def _lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (OLD / "run" / name).read_text().splitlines()]


def _events(folder: Path) -> Reader:
    good = _lines("events.jsonl")
    return _run(folder, "events.jsonl", lambda rng: mutate.spoiled_lines(good, rng))


def _status(folder: Path) -> Reader:
    good = json.loads((OLD / "run" / "status.json").read_text())
    return _run(folder, "status.json", lambda rng: mutate.spoiled_json(good, rng))


def _commands(folder: Path) -> Reader:
    good = _lines("commands.jsonl") * 5
    return _run(folder, "commands.jsonl", lambda rng: mutate.spoiled_lines(good, rng))


def _dataset(folder: Path) -> Reader:
    good = PUBLISHED_DATA / "arc"
    shutil.copytree(good, folder / "set")
    files = [f.relative_to(good) for f in good.rglob("*") if f.is_file()]
    last: list[Path] = []

    def spoil(folder: Path, rng: random.Random) -> None:
        for name in last:
            shutil.copyfile(good / name, folder / "set" / name)
        last[:] = rng.sample(files, rng.choice((1, 1, 2)))
        for name in last:
            content = (good / name).read_bytes()
            made = mutate.spoiled_json(json.loads(content), rng) if name.suffix == ".json" else mutate.spoiled_array(content, rng)
            (folder / "set" / name).write_bytes(made)

    def read(folder: Path) -> None:
        found = Dataset(folder / "set")
        check_dataset(found)
        find_number(folder / "set" / "identifiers.json", "evflip")

    return Reader(folder, spoil, read)


def _zip(folder: Path) -> Reader:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((OLD / "checkpoints" / "exported").iterdir()):
            archive.write(file, file.name)
    good = packed.getvalue()
    return Reader(folder, _file("model.zip", lambda rng: mutate.spoiled_zip(good, rng)), lambda f: _look(f / "model.zip"))


def _hub(folder: Path) -> Reader:
    server = Hub({"me/model": {"model.safetensors": b"x" * 2000, "config.json": b"{}", "README.md": b"# x"}})
    server.__enter__()
    answer: list[bytes] = [b"{}"]
    handler: Any = server._server.RequestHandlerClass
    siblings = [server.sibling(n, c) for n, c in server.files["me/model"].items()]
    good = {"id": "me/model", "modelId": "me/model", "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": siblings, "tags": ["license:mit"], "downloads": 7, "private": False}  # fmt: skip

    def do_GET(self: Any) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer[0])))
        self.end_headers()
        with closing(io.BytesIO(answer[0])) as body:
            shutil.copyfileobj(body, self.wfile)

    handler.do_GET = do_GET

    def spoil(_: Path, rng: random.Random) -> None:
        answer[:] = [mutate.spoiled_json(good, rng)]

    return Reader(folder, spoil, lambda _: choose(describe("me/model", HubSettings(server.url, cache=folder / "cache"))))


READERS: dict[str, Callable[[Path], Reader]] = {
    "puzzle text": _text, "puzzle table": _table, "ARC task": _arc, "trace": _trace, "checkpoint, own": _checkpoint,
    "checkpoint, published": _published, "pickle": _pickle, "run configuration": _configuration, "events": _events, "status": _status,
    "commands": _commands, "dataset": _dataset, "zip": _zip, "Hub's answers": _hub,
}  # fmt: skip
assert (ROOT / "tests").is_dir()

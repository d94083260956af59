"""Thousands of damaged checkpoints: each is refused with a message or loads, in bounded time and memory."""

from __future__ import annotations

import random
import resource
import shutil
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from hrm_model.checkpoint.format import load, save
from hrm_model.checkpoint.inspect import inspect
from hrm_model.checkpoint.settings import read_config
from hrm_model.errors import CheckpointError
from tests.paths import PUBLISHED_MODEL
from tests.support.checkpoints import torch_zip
from tests.support.models import tiny


def _mutations(content: bytes, count: int, seed: int, within: int | None = None) -> Iterator[bytes]:
    """Copies with a few bytes changed, cut, doubled, swapped or filled, most of them among the first `within`."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(content)
        for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
            place = chance.randrange(min(len(data), within or len(data)) or 1)
            kind = chance.randrange(6)
            if kind == 0:
                data[place : place + 1] = bytes([chance.randrange(256)])
            elif kind == 1:
                data[place : place + 1] = bytes([data[place] ^ (1 << chance.randrange(8))]) if data else b""
            elif kind == 2:
                del data[place : place + chance.randrange(1, 40)]
            elif kind == 3:
                data[place:place] = data[place : place + chance.randrange(1, 40)]
            elif kind == 4:
                data[place : place + 8] = struct.pack("<Q", chance.choice((0, 1, 255, 1 << 31, 1 << 40, (1 << 64) - 1)))
            else:
                del data[place:]
            if not data:
                data += b"\0"
        yield bytes(data)


def _survives(attempt: Callable[[], object]) -> bool:
    """Whether it worked; any error but CheckpointError is a failure, and so is a message of several lines."""
    try:
        attempt()
    except CheckpointError as error:
        text = str(error)
    else:
        return True
    assert "\n" not in text
    assert len(text) < 1000
    return False


def test_thousands_of_mutated_checkpoints(tmp_path: Path) -> None:
    """Each is refused in a sentence or loads; none takes long or much memory."""
    own, theirs = tmp_path / "own", tmp_path / "theirs"
    save(tiny(), own)
    theirs.mkdir()
    torch.save({f"_orig_mod.{n}": t.clone() for n, t in tiny().state_dict().items()}, theirs / "step_1")
    with zipfile.ZipFile(theirs / "step_1") as archive:
        pickled = archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl")))
        records = {n.rpartition("/")[2]: archive.read(n) for n in archive.namelist() if "/data/" in n and ".data" not in n}
    weights, whole = (own / "model.safetensors").read_bytes(), (theirs / "step_1").read_bytes()
    header = struct.unpack("<Q", weights[:8])[0] + 8
    config = (own / "config.json").read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worked = worst = 0.0
    tried = 0

    def attempt(path: Path) -> None:
        nonlocal worked, worst, tried
        begin = time.process_time()
        worked += _survives(lambda: load(path, "cpu"))
        worst = max(worst, time.process_time() - begin)
        tried += 1

    for data in _mutations(pickled, 2000, 1):
        torch_zip(theirs / "step_1", data, records)
        attempt(theirs)
    for data in _mutations(whole, 700, 2):
        (theirs / "step_1").write_bytes(data)
        attempt(theirs)
    for data in _mutations(weights, 1000, 3, header):
        (own / "model.safetensors").write_bytes(data)
        attempt(own)
    (own / "model.safetensors").write_bytes(weights)
    for data in _mutations(config, 500, 4):
        (own / "config.json").write_bytes(data)
        attempt(own)
    assert tried == 4200
    assert 0 < worked < 0.5 * tried
    assert worst < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KB


def test_thousands_of_mutated_configurations(tmp_path: Path) -> None:
    for name, source in (("all_config.yaml", PUBLISHED_MODEL / "all_config.yaml"), ("config.json", None)):
        file = tmp_path / name
        if source is None:
            save(tiny(), tmp_path)
            content = file.read_bytes()
        else:
            content = source.read_bytes()
        for data in _mutations(content, 700, 5):
            file.write_bytes(data)
            _survives(lambda file=file: read_config((file,)))


def test_hundreds_of_mutated_archives(tmp_path: Path) -> None:
    save(tiny(), tmp_path / "own")
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "own")
    content = (tmp_path / "a.zip").read_bytes()
    for data in _mutations(content, 300, 6):
        (tmp_path / "a.zip").write_bytes(data)
        _survives(lambda: inspect(tmp_path / "a.zip"))
    assert sorted(p.name for p in tmp_path.iterdir() if p.name not in ("home", "a.zip", "own")) == []

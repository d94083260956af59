"""A checkpoint is data, never code: anything else is refused by name, in bounded time and memory."""

from __future__ import annotations

import collections
import json
import os
import pickle
import shutil
import stat
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from hrm_model.checkpoint.format import load, save
from hrm_model.checkpoint.inspect import inspect
from hrm_model.errors import CheckpointError
from tests.paths import PUBLISHED_MODEL
from tests.support.checkpoints import torch_zip
from tests.support.evil import Evil
from tests.support.models import tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small published-layout checkpoint."""
    torch.save({f"_orig_mod.model.inner.{n}": t for n, t in tiny().state_dict().items()}, tmp_path / "step_1")
    arch = {"H_cycles": 2, "L_cycles": 2, "num_heads": 2, "pos_encodings": "rope", "seq_len": 16}
    (tmp_path / "all_config.yaml").write_text(yaml.safe_dump({"arch": arch}))
    return tmp_path


def refused(path: Path, *words: str) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(path, "cpu")
    text = str(caught.value)
    for word in words:
        assert word in text, text
    assert "\n" not in text
    assert len(text) < 1000
    return text


# Pickles --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (os.system, "posix.system"),
        (eval, "eval"),
        (open, "io.open"),
        (bytearray(3), "bytearray"),
        (collections.Counter("aab"), "collections.Counter"),
        (np.float64(3), "numpy"),
        (np.zeros(3), "numpy"),
        (Path("/"), "pathlib"),
        ({1, 2}, "set"),
        (slice(3), "slice"),
        (1 + 2j, "complex"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_every_other_global_is_refused_by_its_name(folder: Path, value: Any, words: str, protocol: int) -> None:
    torch_zip(folder / "step_1", pickle.dumps({"a": value}, protocol=protocol))
    text = refused(folder, str(folder / "step_1"), "refused")
    assert words in text or "EMPTY_SET" in text


@pytest.mark.parametrize("protocol", range(6))
def test_code_never_runs(folder: Path, protocol: int) -> None:
    marker = folder / "ran"
    (folder / "step_1").write_bytes(pickle.dumps({"a": Evil(marker)}, protocol=protocol))
    refused(folder, "system" if protocol else "refused")
    torch_zip(folder / "step_1", pickle.dumps({"a": Evil(marker)}, protocol=protocol))
    refused(folder, "refused")
    assert not marker.exists()


def _tensor(key: str, numel: int, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> bytes:
    """The pickle of {'lm_head.weight': tensor} with sizes of choice."""

    def number(n: int) -> bytes:
        return b"\x8a\x07" + n.to_bytes(7, "little", signed=True)

    def numbers(many: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(number(n) for n in many) + b"t"

    storage = (
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00" + key.encode() + b"X\x03\x00\x00\x00cpu" + number(numel) + b"tQ"
    )
    made = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + numbers(shape) + numbers(strides) + b"\x89}tR"
    return b"\x80\x02}X\x0e\x00\x00\x00lm_head.weight" + made + b"s."


@pytest.mark.parametrize(
    ("pickled", "why"),
    [
        (_tensor("0", 4, (1 << 40, 1 << 40), (0, 0)), "does not fit"),  # one number that claims to be 10^24
        (_tensor("0", 4, (1 << 54,), (1,)), "sizes that no tensor has"),
        (_tensor("0", 4, (-1,), (1,)), "sizes that no tensor has"),
        (_tensor("0", 4, (1,) * 9, (1,) * 9), "sizes that no tensor has"),
        (_tensor("0", 1 << 40, (2, 2), (2, 1)), "does not fit"),
        (_tensor("0", 4, (2, 2), (2, 1), offset=1 << 40), "does not fit"),
        (_tensor("0", 4, (2, 2), (2, 1), offset=-4), "does not fit"),
        (_tensor("0", 4, (2, 2), (-2, 1)), "sizes that no tensor has"),
        (_tensor("0", 4, (2, 2), (1,)), "does not fit"),
        (_tensor("1", 4, (2, 2), (2, 1)), "are missing"),
    ],
)
def test_absurd_sizes_are_refused(folder: Path, pickled: bytes, why: str) -> None:
    torch_zip(folder / "step_1", pickled, {"0": np.ones(4, np.float32).tobytes()})
    refused(folder, str(folder / "step_1"), why)


def test_the_pickles_of_that_test_are_read_where_they_are_honest(folder: Path) -> None:
    torch_zip(folder / "step_1", _tensor("0", 4, (2, 2), (2, 1)), {"0": np.ones(4, np.float32).tobytes()})
    assert inspect(folder).tensors[0].shape == (2, 2)


def test_bombs(folder: Path) -> None:
    doubled = b")q\x00" + b"".join(b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(60))
    torch_zip(folder / "step_1", b"\x80\x02}" + doubled + b"K\x01s.")  # a key that takes 2^60 steps to hash
    refused(folder, "entry whose name is a tuple")
    torch_zip(folder / "step_1", b"\x80\x02}r\xff\xff\xff\xff.")  # a memo of four thousand million
    refused(folder, "state dict")
    torch_zip(folder / "step_1", b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".")  # BYTEARRAY8 of 1 TB
    refused(folder, "step_1")
    torch_zip(folder / "step_1", b"\x80\x02" + b"(" * 5_000_000 + b".", method=zipfile.ZIP_DEFLATED)
    refused(folder, "step_1")
    torch_zip(folder / "step_1", b"\x80\x02" + b"(" * 60_000_000 + b".", method=zipfile.ZIP_DEFLATED)
    refused(folder, "60,000,003 bytes")
    torch_zip(folder / "step_1", _tensor("0", 4, (2, 2), (2, 1)), {"0": bytes(16)}, zipfile.ZIP_DEFLATED)
    refused(folder, "compressed")


# safetensors ----------------------------------------------------------------------------------------------------------


def _safetensors(file: Path, header: Any, data: bytes = bytes(16), length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 1 << 45]},
        {"dtype": "F32", "shape": [2, 2], "data_offsets": [8, 24]},
        {"dtype": "F32", "shape": [2, 2], "data_offsets": [16, 0]},
        {"dtype": "F32", "shape": [-2, -2], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [True, 4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": "22", "data_offsets": [0, 16]},
        {"dtype": "X9", "shape": [2, 2], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [2, 2]},
        [],
    ],
)
def test_safetensors_that_lie(tmp_path: Path, entry: Any) -> None:
    _safetensors(tmp_path / "model.safetensors", {"lm_head.weight": entry})
    refused(tmp_path, "model.safetensors", "not a complete safetensors file", "lm_head.weight")


def test_safetensors_headers(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    _safetensors(file, {}, length=1 << 60)
    refused(tmp_path, "header would take")
    _safetensors(file, b"[" * 100_000)
    refused(tmp_path, "not a complete")
    good = json.dumps({"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]})
    _safetensors(file, f'{{"a": {good}, "a": {good}}}'.encode())
    refused(tmp_path, "twice")
    _safetensors(file, {"model.a": json.loads(good), "a": json.loads(good)})
    refused(tmp_path, "contains a twice")
    _safetensors(file, {"__metadata__": {}})
    refused(tmp_path, "contains no tensor")


# Configurations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "arch: !!python/object/apply:os.system ['touch ran']",
        "!!python/name:os.system",
        "arch: !!python/object/new:subprocess.Popen [['touch', 'ran']]",
        "arch: *unknown",
        "arch: {H_cycles: 2",
        "? [a]\n: {{}: 1}",
        "\x00",
        "[" * 16_000,
    ],
)
def test_yaml_that_is_more_than_data(folder: Path, text: str) -> None:
    (folder / "all_config.yaml").write_text(text)
    refused(folder, "all_config.yaml")
    assert not Path("ran").exists()


def test_yaml_bombs_and_wrong_values(folder: Path) -> None:
    file = folder / "all_config.yaml"
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(60))
    file.write_text(laughs + "arch: {H_cycles: *a60, num_heads: 2, seq_len: 16}\n")
    refused(folder, "H_cycles")
    file.write_text("x: 1\n" * 100_000)
    refused(folder, "500,000 bytes")
    for values in ({"H_cycles": -1}, {"H_cycles": "many"}, {"num_heads": 0}, {"num_heads": 3}, {"pos_encodings": "x"}, {"L_cycles": 1e300}):
        file.write_text(yaml.safe_dump({"arch": {"seq_len": 16, "num_heads": 2} | values}))
        refused(folder)


def test_json_numbers_of_endless_digits(tmp_path: Path) -> None:
    save(tiny(), tmp_path)
    (tmp_path / "config.json").write_text('{"model": {"H_cycles": ' + "9" * 100_000 + "}}")
    refused(tmp_path, "config.json", "not JSON")


def test_sizes_that_the_weights_do_not_have_reserve_no_memory(tmp_path: Path) -> None:
    save(tiny(), tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    content["model"] |= {"hidden_size": 1 << 20, "L_layers": 64, "num_puzzle_identifiers": 1 << 40}
    (tmp_path / "config.json").write_text(json.dumps(content))
    begin = time.process_time()
    refused(tmp_path, "should be")
    assert time.process_time() - begin < 5


# Files beside, links, archives ------------------------------------------------------------------------------------------


def test_code_beside_a_checkpoint_is_named_and_never_read(folder: Path) -> None:
    (folder / "hrm_act_v1.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")
    (folder / "hrm_act_v1.py").chmod(0)
    found = inspect(folder)
    assert found.fault == ""
    assert any(note.startswith("hrm_act_v1.py: not read, because it is code") for note in found.notes)
    load(folder, "cpu")
    assert not (folder / "ran").exists()


def test_links(folder: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    shutil.move(folder / "step_1", away / "weights")
    inside = folder / "inside"
    inside.mkdir()
    (inside / "step_1").symlink_to(away / "weights")
    refused(inside, "no checkpoint found")
    (inside / "real").mkdir()
    shutil.copy(away / "weights", inside / "real" / "w")
    (inside / "step_1").unlink()
    (inside / "step_1").symlink_to("real/w")
    assert inspect(inside).tensors
    snapshot = tmp_path / "models--a--b" / "snapshots" / "123"
    snapshot.mkdir(parents=True)
    blobs = tmp_path / "models--a--b" / "blobs"
    blobs.mkdir()
    shutil.copy(away / "weights", blobs / "abc")
    (snapshot / "step_1").symlink_to("../../blobs/abc")
    assert inspect(snapshot).tensors
    (snapshot / "all_config.yaml").symlink_to("/etc/passwd")
    found = inspect(snapshot)
    assert found.given.file is None
    assert any("all_config.yaml: not read, because it is a symbolic link" in note for note in found.notes)


@pytest.mark.parametrize("name", ["../step_1", "/step_1", "a/../../step_1", "..\\step_1", "C:step_1"])
def test_archives_that_climb(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(PUBLISHED_MODEL / "step_7", "step_7")
        archive.writestr(name, "x")
    refused(tmp_path / "a.zip", "a.zip", "outside its folder")


def test_archives_with_links_bombs_and_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("step_7")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    refused(file, "symbolic link")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("step_7", bytes(50_000_000))
    refused(file, "would grow to 50,000,000 bytes")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "x")
        archive.writestr("evil.py", "x")
    refused(file, "no checkpoint found")
    file.write_bytes(b"PK\x03\x04" + bytes(100))
    refused(file, "a.zip")


def test_numbers_of_a_type_that_is_not_read_are_named(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    file = tmp_path / "model.safetensors"
    save_file({"H_init": torch.ones(4).to(torch.float8_e4m3fn)}, file)
    refused(file, "H_init has numbers of type F8_E4M3, which cannot be read")
    torch.save({"H_init": torch.ones(4).to(torch.float8_e4m3fn)}, tmp_path / "step_1")
    refused(tmp_path / "step_1", "numbers of type float8_e4m3fn, which cannot be read")
    torch.save({"H_init": torch.ones(4, dtype=torch.complex64)}, tmp_path / "step_2")
    refused(tmp_path / "step_2", "which cannot be read", "omplex")

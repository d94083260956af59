"""A file that is something else than its name says is named for what it is, by every reader; never called damaged."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hrm_model.assets import find_model
from hrm_model.checkpoint.inspect import inspect
from hrm_model.errors import CheckpointError, HRMError
from hrm_model.tasks.arc.puzzle import read_task
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.read import parse_any, read_text
from hrm_model.trace_file.io import check, info
from tests.paths import PUBLISHED_DATA as PUBLISHED
from trainer.data.published import Dataset

PAGE = b"\xef\xbb\xbf\n<!DOCTYPE HTML>\n<html><head><title>Sign in</title></head><body>1 2 3</body></html>"


def _tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.safetensors"))
    return made.getvalue()


FOREIGN = {
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 912345\n",
    "a pointer of git-annex": b"/annex/objects/SHA256E-s912345--aaaa.safetensors\n",
    "a web page (HTML)": PAGE,
    "a server's error message (XML)": b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>',
    "a server's error message (JSON)": b'{"error":"Invalid username or password."}',
    "a file of zero bytes": bytes(4096),
    "a file packed with gzip": gzip.compress(b"x" * 100),
    "a tar archive": _tar(),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
}


def _checkpoint(path: Path) -> object:
    return inspect(path.rename(path.with_suffix(".safetensors")))


def _torch_checkpoint(path: Path) -> object:
    return inspect(path.rename(path.with_suffix(".pt")))


def _configuration(path: Path) -> object:
    folder = path.parent / "model"
    shutil.copytree(find_model("sudoku-4x4"), folder)
    shutil.copy(path, folder / "config.json")
    return inspect(folder)


def _published_configuration(path: Path) -> object:
    folder = path.parent / "model"
    folder.mkdir()
    torch.save({"a": torch.zeros(2)}, folder / "step_1")
    shutil.copy(path, folder / "all_config.yaml")
    return inspect(folder)


def _array(path: Path) -> object:
    shutil.copytree(PUBLISHED / "sudoku", path.parent / "set")
    shutil.copy(path, path.parent / "set" / "train" / "all__inputs.npy")
    return Dataset(path.parent / "set")


def _metadata(path: Path) -> object:
    shutil.copytree(PUBLISHED / "sudoku", path.parent / "set")
    shutil.copy(path, path.parent / "set" / "train" / "dataset.json")
    return Dataset(path.parent / "set")


READERS: dict[str, Callable[[Path], object]] = {
    "trace": info, "trace in a child": check, "safetensors": _checkpoint, "torch.save": _torch_checkpoint, "config.json": _configuration,
    "all_config.yaml": _published_configuration, "ARC task": read_task, "puzzle file": read_puzzles,
    "puzzle": lambda path: parse_any(read_text(path)), "array": _array,
}  # fmt: skip


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("reader", READERS)
def test_named_for_what_it_is(tmp_path: Path, reader: str, what: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(FOREIGN[what])
    with pytest.raises(HRMError) as caught:
        READERS[reader](path)
    told = str(caught.value)
    assert what in told
    assert "damaged" not in told
    assert "not a complete" not in told


def test_a_dataset_whose_metadata_was_not_fetched(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(FOREIGN["a pointer of Git LFS"])
    with pytest.raises(HRMError, match="a pointer of Git LFS, not a dataset's file. Run `git lfs pull`"):
        _metadata(path)


def test_a_page_with_a_sudoku_in_it_is_read() -> None:
    rows = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in ("1...", "..3.", ".4..", "...2"))
    task, grid = parse_any(f"<!doctype html><html><body><table>{rows}</table></body></html>")
    assert task.name == "sudoku-4x4"
    assert grid.tolist() == [1, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 0, 0, 0, 2]


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "uint16", "uint32", "complex64"])
@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_types_of_numbers_that_are_not_read_are_named(tmp_path: Path, dtype: str, ending: str) -> None:
    file = tmp_path / f"weights.{ending}"
    tensors = {"a": torch.zeros(4, 4).to(getattr(torch, dtype))}
    torch.save(tensors, file) if ending == "pt" else save_file(tensors, file)
    with pytest.raises(CheckpointError, match="has numbers of type .*, which cannot be read; save it as float32 or bfloat16") as caught:
        inspect(file)
    named = {"float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "uint16": "U16", "uint32": "U32", "complex64": "C64"}
    short = {"complex64": "ComplexFloat"}.get(dtype, dtype)
    assert (short if ending == "pt" else named[dtype]) in str(caught.value)


def test_weights_are_read_by_their_content(tmp_path: Path) -> None:
    """Under the name of the other format."""
    save_file({"a": torch.ones(2)}, tmp_path / "one.pt")
    torch.save({"a": torch.ones(2)}, tmp_path / "two.safetensors")
    for name, kind in (("one.pt", "safetensors"), ("two.safetensors", "torch")):
        found = inspect(tmp_path / name)
        assert found.file.kind == kind
        assert np.array_equal(found.file.read("a"), [1, 1])


def test_a_cache_whose_file_is_gone_is_named(tmp_path: Path) -> None:
    """Links of the Hub's cache whose blob was deleted, or never arrived."""
    snapshot = tmp_path / "models--owner--name" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (tmp_path / "models--owner--name" / "blobs").mkdir()
    (snapshot / "config.json").write_text(json.dumps({"model": {}}))
    (snapshot / "model.safetensors").symlink_to("../../blobs/0123")
    for path in (snapshot, snapshot / "model.safetensors"):
        with pytest.raises(
            CheckpointError, match=r"model.safetensors: a link to ../../blobs/0123, which is missing.*Download the model again"
        ):
            inspect(path)


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to("/there/is/nothing")
    with pytest.raises(CheckpointError, match=r"a link to /there/is/nothing, which is missing.*Copy the file itself"):
        inspect(tmp_path / "model.safetensors")

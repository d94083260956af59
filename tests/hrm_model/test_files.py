"""Files that are complete or absent."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hrm_model import files
from hrm_model.files import WriteError, atomic_path, atomic_write, forget_parts, replace, write_json

KILLED_WHILE_WRITING = """
import os, sys
from hrm_model.files import atomic_write
with atomic_write(sys.argv[1], "w") as stream:
    stream.write("half of the new")
    stream.flush()
    os.kill(os.getpid(), 9)
"""


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def write_half(file: Path, error: BaseException) -> None:
    with atomic_write(file, "w") as stream:
        stream.write("half")
        raise error


def test_a_file_appears_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    with atomic_write(file, "w") as stream:
        stream.write("Grüße\n")
        assert not file.exists()
    assert file.read_bytes() == "Grüße\n".encode()
    with atomic_write(file) as stream:
        stream.write(b"\0\r\n")
        assert file.read_bytes() == "Grüße\n".encode()
    assert file.read_bytes() == b"\0\r\n"
    assert names(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize("error", [RuntimeError("of the block"), KeyboardInterrupt()])
def test_after_an_exception_the_earlier_file_stands(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "a.json"
    write_json(file, {"kept": True})
    with pytest.raises(type(error)):
        write_half(file, error)
    assert json.loads(file.read_text()) == {"kept": True}
    with pytest.raises(TypeError):
        write_json(file, {"not JSON": object()})
    assert names(tmp_path) == ["a.json"]


def test_after_a_kill_the_earlier_file_stands(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("the old, whole")
    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(file)], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -9
    assert file.read_text() == "the old, whole"
    (part,) = tmp_path.glob("*.part")
    assert part.read_text() == "half of the new"
    forget_parts(tmp_path)
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_permission_bits_are_those_of_any_new_file_and_then_stay(tmp_path: Path) -> None:
    file, usual = tmp_path / "a", tmp_path / "usual"
    usual.write_text("")
    with atomic_write(file, "w"):
        pass
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)
    file.chmod(0o640)
    with atomic_write(file, "w"):
        pass
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    with atomic_path(file) as part:
        part.write_text("made by name")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_link_keeps_its_target(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with atomic_write(link, "w") as stream:
        stream.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_pipe_is_written_to_directly(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    with atomic_write(pipe) as stream:
        stream.write(b"through")
    reader.join(10)
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_an_error_names_the_file_and_keeps_its_number(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "a.txt"
    with pytest.raises(WriteError) as caught, atomic_write(missing):
        pass
    assert str(caught.value) == f"{missing}: cannot be written (the folder does not exist)"
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, str(missing))
    with pytest.raises(WriteError) as caught, atomic_write(tmp_path):
        pass
    assert caught.value.errno in (errno.EISDIR, errno.EACCES)
    with pytest.raises(WriteError) as caught, atomic_write(tmp_path / "a"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as stream.write does: it names no file
    assert str(caught.value) == f"{tmp_path / 'a'}: cannot be written (No space left on device)"
    # Inside a folder that is being made: the folder that was asked for is named, not the temporary one.
    with pytest.raises(WriteError) as caught, atomic_path(tmp_path / "folder") as part:
        write_json(part / "missing" / "a.json", {})
    assert caught.value.filename == str(tmp_path / "folder")
    assert names(tmp_path) == []


def test_an_error_of_reading_another_file_is_not_blamed_on_this_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, atomic_write(tmp_path / "a") as stream:
        stream.write((tmp_path / "source").read_bytes())
    assert caught.value.filename == str(tmp_path / "source")
    assert names(tmp_path) == []


def test_a_folder_takes_the_place_of_an_earlier_one_only_when_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    for content in ("first", "second"):
        with atomic_path(folder) as part:
            (part / "sub").mkdir(parents=True)
            (part / "sub" / content).write_text(content)
            assert part.name == "frames"
    assert [p.name for p in folder.rglob("*")] == ["sub", "second"]
    with pytest.raises(WriteError), atomic_path(folder) as part:
        (part / "nothing was made here").write_text("")
    assert [p.name for p in folder.rglob("*")] == ["sub", "second"]
    assert names(tmp_path) == ["frames"]


def test_where_the_new_folder_cannot_take_its_place_the_earlier_one_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")

    def refused(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(files, "_rename", refused)
    with pytest.raises(OSError, match="another disk"):
        replace(tmp_path / "new", tmp_path / "old")
    assert names(tmp_path / "old") == ["old"]


def test_a_suffix_reaches_libraries_that_go_by_it(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "film.gif") as part:
        assert part.suffix == ".gif"
        part.write_bytes(b"GIF89a")
    assert names(tmp_path) == ["film.gif"]


def test_many_writers_at_once_each_write_a_whole_file(tmp_path: Path) -> None:
    file, stop, seen = tmp_path / "status.json", threading.Event(), set()
    write_json(file, [0] * 2000)

    def write(number: int) -> None:
        while not stop.is_set():
            write_json(file, [number] * 2000, sync=False)

    writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for writer in writers:
        writer.start()
    for _ in range(200):
        content = json.loads(file.read_text())
        seen |= set(content)
        assert len(set(content)) == 1
        assert len(content) == 2000
    stop.set()
    for writer in writers:
        writer.join()
    assert names(tmp_path) == ["status.json"]


def test_on_windows_a_file_that_is_read_meanwhile_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, refused = os.replace, []

    def busy(part: Path, final: Path) -> None:
        if len(refused) < 3:
            refused.append(final)
            raise PermissionError(errno.EACCES, "in use")
        rename(part, final)

    monkeypatch.setattr(os, "replace", busy)
    with pytest.raises(WriteError, match="in use"):
        write_json(tmp_path / "a", {})
    refused.clear()
    monkeypatch.setattr(files, "_WINDOWS", True)
    write_json(tmp_path / "a", {})
    assert len(refused) == 3
    assert names(tmp_path) == ["a"]

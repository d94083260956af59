"""Files that are complete or absent: each is written beside its final name as `NAME.xxxxxx.part`, then renamed.

A reader sees the earlier file or the new one, never half of one, even after a kill or on a full disk. An error of writing is a
WriteError that names the file. Imports neither torch nor Qt.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal

_PART = ".part"
_WINDOWS = os.name == "nt"
_RENAME_TRIES = 20


class WriteError(OSError):
    """A file or folder that could not be written; says which, and why. `errno` and `filename` are those of any OSError."""

    def __str__(self) -> str:
        return f"{self.filename}: cannot be written ({self.strerror})"


@contextmanager
def atomic_write(
    path: str | os.PathLike[str], mode: Literal["w", "wb"] = "wb", *, newline: str | None = None, sync: bool = True
) -> Iterator[IO[Any]]:
    """A file to write to, text in UTF-8, which gets its name once the block ends without an exception. WriteError.

    sync: wait until the disk has it, so that it survives a power cut; not for what is rewritten all the time or can be made again.
    An earlier file passes on its permission bits, a symbolic link keeps its target. What is not a plain file (a pipe, a terminal) is
    written to directly.

    >>> with atomic_write("notes.txt", "w") as file:
    ...     file.write("whole or not there")
    """
    final = Path(os.path.realpath(path))
    encoding = None if "b" in mode else "utf-8"
    if final.exists() and not final.is_file():
        with _named(path, final, final), final.open(mode, encoding=encoding, newline=newline) as stream:
            yield stream
        return
    part = _part_of(final)
    with _named(path, final, part):
        try:
            with part.open("xb" if "b" in mode else "x", encoding=encoding, newline=newline) as stream:
                yield stream
                if sync:
                    stream.flush()
                    os.fsync(stream.fileno())
            replace(part, final, sync=sync)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, sync: bool = True) -> Iterator[Path]:
    """The same for folders, and for libraries that open files by name: the block makes a file or a folder at the path that it gets.

    That path ends in the same name, in a temporary folder beside the final place. A folder takes the place of an earlier one.
    """
    final = Path(os.path.realpath(path))
    scratch = _part_of(final)
    with _named(path, final, scratch):
        try:
            scratch.mkdir()
            part = scratch / final.name
            yield part
            if sync:
                for file in [part] if part.is_file() else [p for p in part.rglob("*") if p.is_file()]:
                    _sync(file)
            replace(part, final, sync=sync)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def write_json(
    path: str | os.PathLike[str],
    content: Any,
    *,
    indent: int | None = 1,
    default: Callable[[Any], Any] | None = None,
    sync: bool = True,
) -> None:
    """`content` as a JSON file; `default` is json.dumps' own. WriteError."""
    text = json.dumps(content, indent=indent, default=default) + "\n"
    with atomic_write(path, "w", sync=sync) as stream:
        stream.write(text)


def replace(part: Path, final: Path, *, sync: bool = True) -> None:
    """Give a complete file or folder its name. An earlier file passes on its permission bits; an earlier folder is deleted. OSError."""
    before = None
    if final.is_dir() and part.is_dir():
        # No system puts a folder in the place of one that is not empty, in one step.
        before = _part_of(final)
        os.rename(final, before)
    elif final.is_file():
        with suppress(OSError):  # a file system without permission bits
            os.chmod(part, stat.S_IMODE(final.stat().st_mode))
    try:
        _rename(part, final)
    except OSError:
        if before is not None:
            os.rename(before, final)
        raise
    if before is not None:
        shutil.rmtree(before, ignore_errors=True)
    if sync and not _WINDOWS:
        with suppress(OSError):  # a file system that cannot do this for a folder
            _sync(final.parent)


def forget_parts(folder: Path) -> None:
    """Delete what killed writers left in a folder. Only for a folder in which nobody else is writing."""
    for part in folder.glob(f"*{_PART}"):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def _part_of(final: Path) -> Path:
    """A new name beside a file, so that two writers at once never share one; short enough for any file system."""
    return final.with_name(f"{final.name[:50]}.{secrets.token_hex(3)}{_PART}")


def _rename(part: Path, final: Path) -> None:
    for tries_left in reversed(range(_RENAME_TRIES)):
        try:
            return os.replace(part, final)
        except PermissionError:
            # Windows refuses as long as another process has the earlier file open, as one that follows status.json does for a moment.
            if not _WINDOWS or not tries_left:
                raise
            time.sleep(0.02)


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _named(path: str | os.PathLike[str], final: Path, part: Path) -> Iterator[None]:
    """Turn an OSError of writing into a WriteError of the file that was asked for. One that names another file is left alone."""
    try:
        yield
    except OSError as error:
        about = error.filename
        if about is not None and str(about) != str(final) and not str(about).startswith(str(part)):
            raise
        reason = "the folder does not exist" if error.errno == errno.ENOENT else error.strerror or str(error)
        raise WriteError(error.errno, reason, os.fspath(path)) from error

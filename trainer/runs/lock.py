"""Whether a trainer is at work on a run: it holds the lock of the run directory as long as its process lives.

A lock ends with its process, whatever killed that, and all processes of a machine see it: those of other containers and PID namespaces,
too, and whatever the clock does. Beside the lock, status.json tells which process took it, so that a reader knows whether the lock
says all. Imports neither torch nor Qt.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from hrm_model.errors import RunError

if sys.platform != "win32":
    import fcntl

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}  # what file systems without locks answer
_PATIENCE = 1.0  # seconds: whoever looks at a lock holds it for an instant


def take(file: Path) -> FileLock | None:
    """The lock, held until the process ends; None on a file system without locks. RunError if another process has it."""
    lock = FileLock(file, timeout=_PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(f"{file}: another process holds this lock") from None
    except NotImplementedError:  # filelock's word for ENOSYS
        return None
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return lock


def held(file: Path) -> bool | None:
    """Whether a process holds the lock. None: this cannot be known, because the file is missing or cannot be opened or locked."""
    if sys.platform == "win32":
        if not file.exists():
            return None
        try:
            FileLock(file, timeout=0).acquire().lock.release()
        except Timeout:
            return True
        except (OSError, NotImplementedError):
            return None
        return False
    try:
        # Shared: readers do not keep each other away, and a file of another user need only be readable.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(descriptor)


@contextmanager
def kept_free(file: Path) -> Iterator[None]:
    """Keep trainers away during the block, in which the file's folder may be moved. RunError if one is at work."""
    if sys.platform == "win32":  # a folder with an open file cannot be moved there
        if held(file):
            raise RunError(f"{file.parent.name} is being trained; stop it first")
        yield
        return
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:  # not our folder; whether it can be moved shows when it is tried
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"{file.parent.name} is being trained; stop it first") from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


# Which process ------------------------------------------------------------------------------------------------------------


@cache
def this_boot() -> str:
    """The running kernel: all its processes see each other's locks."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{platform.node()} {uuid.getnode():x}"


@cache
def this_machine() -> str:
    """The same after a restart. A hash: the machine's own number is nobody's business."""
    number = ""
    with suppress(OSError):
        number = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    return hashlib.sha256(f"hrm-studio {number or uuid.getnode()}".encode()).hexdigest()[:16]


def _pid_space() -> str:
    """Where process numbers mean the same."""
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def _birth(pid: int) -> float:
    """When a process began, unaffected by changes of the clock where the system tells. psutil.Error if there is none."""
    process = psutil.Process(pid)
    if process.status() == psutil.STATUS_ZOMBIE:
        raise psutil.NoSuchProcess(pid)
    with suppress(OSError, ValueError, IndexError):
        return float(
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        )  # ticks since boot
    return process.create_time()


@cache
def this_process() -> dict[str, Any]:
    """What status.json says about the process that holds the lock."""
    born = 0.0
    with suppress(psutil.Error):  # in a PID namespace that kept another one's /proc
        born = _birth(os.getpid())
    return {"host": platform.node(), "machine": this_machine(), "boot": this_boot(), "space": _pid_space(), "born": born}


@cache
def started() -> float:
    """When this process began, in seconds since 1970 by the clock of then."""
    with suppress(psutil.Error):
        return psutil.Process().create_time()
    return time.time()


def alive(file: Path, status: Mapping[str, Any]) -> bool | None:
    """Whether the trainer that wrote this status is at work; `file`: its lock. None: it cannot be known from here."""
    found, process = held(file), status.get("process")
    if found:
        return True
    if not isinstance(process, Mapping):  # written by a version that told nothing about the machine
        return False if found is False else _same_process(status, status.get("started"))
    if process.get("boot") == this_boot():
        if found is False:
            return False
        return _same_process(status, process.get("born")) if process.get("space") == _pid_space() else None
    # Another kernel. If it is this machine's, before a restart, its processes are gone.
    return False if process.get("machine") == this_machine() else None


def _same_process(status: Mapping[str, Any], born: Any) -> bool:
    pid = status.get("pid")
    if not isinstance(pid, int) or not isinstance(born, int | float):
        return False
    try:
        times = (_birth(pid), psutil.Process(pid).create_time())
    except (psutil.Error, ValueError, OverflowError):
        return False
    return any(abs(time - born) < 2 for time in times)

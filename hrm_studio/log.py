"""The log file: one for the studio and the command line, in the user's log folder."""

from __future__ import annotations

import faulthandler
import logging
import os
from collections import deque
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from hrm_model.folders import logs

_LARGEST = 1_000_000  # bytes of one file; three older ones are kept
_OLDER = 3
_FORMAT = "%(asctime)s  %(process)d  %(levelname)-7s  %(name)s: %(message)s"
_log = logging.getLogger(__name__)
_OURS = ("hrm_model", "trainer", "hrm_studio")


def log_file() -> Path:
    return logs() / "hrm-studio.log"


def native_crash_file() -> Path:
    return logs() / "native-crash.log"


def start_logging(*, debug: bool | None = None) -> None:
    """Write what happens to the log file: warnings of all libraries, and what our own modules note.

    `debug`: more, and to standard error too; None: if the environment has HRM_STUDIO_DEBUG. The file is made with its first line.
    """
    if debug is None:
        debug = os.environ.get("HRM_STUDIO_DEBUG", "0").lower() not in ("", "0", "false", "no", "off")
    stop_logging()
    handlers: list[logging.Handler] = [_File(log_file(), maxBytes=_LARGEST, backupCount=_OLDER, encoding="utf-8", delay=True)]
    if debug:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORMAT))
        handler.set_name("hrm-studio")
        logging.getLogger().addHandler(handler)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.INFO)


def debugging() -> bool:
    """Whether debugging is on."""
    return logging.getLogger("hrm_studio").isEnabledFor(logging.DEBUG)


def stop_logging() -> None:
    root = logging.getLogger()
    for handler in [h for h in root.handlers if h.get_name() == "hrm-studio"]:
        root.removeHandler(handler)
        handler.close()


def trace_native_crashes() -> None:
    """If native code (Qt, torch, HDF5) crashes this process, write what all threads were doing to `native_crash_file()`.

    The next call moves what it finds there into the log, where error reports include it.
    """
    file = native_crash_file()
    with suppress(OSError):  # a folder that cannot be written stops nobody
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a+", encoding="utf-8", errors="replace") as stream:
            stream.seek(0)
            found = stream.read().strip()
            stream.truncate(0)
        if found:
            _log.error("an earlier session crashed in native code:\n%s", found)
        # Left open: faulthandler writes to its descriptor. Appending, so that several sessions can share the file.
        faulthandler.enable(file.open("a", encoding="utf-8"))


def last_lines(count: int = 40) -> list[str]:
    """The end of the log; [] if there is none."""
    try:
        with log_file().open(encoding="utf-8", errors="replace") as stream:
            return [line.rstrip("\n") for line in deque(stream, count)]
    except OSError:
        return []


class _File(RotatingFileHandler):
    """A full disk, or another process that renames the file, costs a line of the log and no more."""

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:
        pass

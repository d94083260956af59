"""Feeds a reader spoiled inputs in a process of its own, and says what came of each.

The process has limits on memory; its parent watches the time. An audit hook tells what is executed, and what is written elsewhere.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hrm_model.errors import is_expected, message_of
from tests.benchmarks.faults.readers import READERS

SECONDS, MEMORY = 2.0, 1 << 30
_HANGS = 60.0  # seconds of the clock after which a worker is ended: the machine may be busy
_LONGEST = 700  # characters of a message
_EXECUTES = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class", "ctypes.dlopen", "os.startfile")
_CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate", "shutil.rmtree")


@dataclass
class Findings:
    """What came of the inputs of one reader."""

    inputs: int = 0
    read: int = 0  # harmless damage
    refused: int = 0  # an expected error with one line
    faults: Counter[str] = field(default_factory=Counter)  # by what happened
    examples: dict[str, int] = field(default_factory=dict)  # an input's number for each
    slowest: float = 0.0
    megabytes: float = 0.0  # the process's largest growth


def feed(name: str, seed: int, count: int, until: float) -> Findings:
    """`count` inputs, or those that can be tried until `until` (time.monotonic)."""
    found, first = Findings(), 0
    shared = mmap.mmap(-1, 8)
    while first < count and time.monotonic() < until:
        results = multiprocessing.get_context("fork").SimpleQueue()
        process = multiprocessing.get_context("fork").Process(target=_work, args=(name, seed, first, count, until, shared, results))
        process.start()
        ended = _watch(process, shared)
        if not results.empty():
            _add(found, results.get())
        at = struct.unpack("<q", shared[:8])[0]
        if ended:
            found.faults[ended] += 1
            found.examples.setdefault(ended, at)
            found.inputs += 1
        elif at + 1 >= count or time.monotonic() >= until:
            break
        first = at + 1
    return found


def _watch(process: Any, shared: mmap.mmap) -> str:
    """Wait for a worker; end it if one input takes too long. '' if it ended well."""
    at, since = -1, time.monotonic()
    while process.is_alive():
        process.join(0.1)
        if (now := struct.unpack("<q", shared[:8])[0]) != at:
            at, since = now, time.monotonic()
        if time.monotonic() - since > _HANGS:
            process.kill()
            process.join()
            return f"hung for {_HANGS:.0f} s"
    code = process.exitcode
    return "" if code == 0 else f"ended by signal {-code}" if code < 0 else f"exit code {code}"


def _add(found: Findings, part: Findings) -> None:
    found.inputs += part.inputs
    found.read += part.read
    found.refused += part.refused
    found.faults += part.faults
    for what, number in part.examples.items():
        found.examples.setdefault(what, number)
    found.slowest, found.megabytes = max(found.slowest, part.slowest), max(found.megabytes, part.megabytes)


def input_of(name: str, seed: int, number: int) -> random.Random:
    """The generator that spoils the input of this number: each can be made again."""
    return random.Random(f"{seed} {name} {number}")


def _work(name: str, seed: int, first: int, count: int, until: float, shared: mmap.mmap, results: Any) -> None:
    found, alarm = Findings(), [""]
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["HRM_STUDIO_HOME"] = f"{scratch}/home"
        reader = READERS[name](Path(scratch))
        _try(reader.read, scratch)  # imports what is imported late
        sys.addaudithook(_hook(alarm, scratch))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + 2 * MEMORY, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in range(first, count):
            if time.monotonic() > until:
                break
            reader.spoil(input_of(name, seed, number))
            shared[:8] = struct.pack("<q", number)
            alarm[0], begin = "", time.process_time()
            what = _try(reader.read, scratch)
            took, fault = time.process_time() - begin, alarm[0]
            alarm[0] = "off"
            found.inputs += 1
            found.slowest = max(found.slowest, took)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            found.megabytes = max(found.megabytes, grown)
            fault = fault or (f"took more than {SECONDS:.0f} s" if took > SECONDS else "") or ("" if what in ("read", "refused") else what)
            fault = fault or ("took more than 1 GB" if grown > 1024 else "")
            if fault:
                found.faults[fault] += 1
                found.examples.setdefault(fault, number)
            elif what == "read":
                found.read += 1
            else:
                found.refused += 1
    results.put(found)


def _try(read: Callable[[], object], scratch: str) -> str:
    """'read', 'refused', or what is wrong about the error."""
    try:
        read()
    except Exception as error:
        if not is_expected(error):
            last = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
        told = message_of(error)
        if not told.strip() or "\n" in told or len(told) > _LONGEST + len(scratch) or "object at 0x" in told:
            return f"no plain message: {told[:60]!r}"
        return "refused"
    return "read"


def _hook(alarm: list[str], scratch: str) -> Callable[[str, tuple[Any, ...]], None]:
    allowed = (scratch, "/dev/null")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if alarm[0]:
            return
        if event in _EXECUTES:
            alarm[0] = f"executed {event}"
        elif (
            event == "open"
            and isinstance(arguments[1], str)
            and set(arguments[1]) & set("wax+")
            and not str(arguments[0]).startswith(allowed)
        ):
            alarm[0] = f"wrote outside: {str(arguments[0])[:40]}"
        elif event in _CHANGES and str(arguments[0]).startswith("/") and not str(arguments[0]).startswith(allowed):
            alarm[0] = f"{event} outside: {str(arguments[0])[:40]}"  # (a name without a folder is one below a folder that was open)

    return hook


def _address_space() -> int:
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[0]) * resource.getpagesize()

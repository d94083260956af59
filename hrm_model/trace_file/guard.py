"""A child process that reads a trace file first, with limits on memory and time, so that no file can end or stop its caller.

HDF5's library is large and old, and files can be made that crash it or keep it busy. What the child has read to its end, the
same library reads in the same way again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

from hrm_model.errors import TraceFileError, child_crash
from hrm_model.trace_file.reader import MAX_BYTES, EntryInfo, TraceReader

MEMORY_BYTES = 2 << 30  # of address space, which Python with NumPy and HDF5 takes up to a third of
SECONDS = 30  # at the least; large files get more
_BYTES_PER_SECOND = 30_000_000

_CHILD = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from hrm_model.trace_file.guard import child; child(sys.argv[1], int(sys.argv[2]))"
)


def scan(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES, seconds: float | None = None) -> list[EntryInfo]:
    """Let a child read every trace of a file; what it says of each.

    TraceFileError names the fault, whatever happened to the child. RuntimeError if the child ran into a bug of ours; its traceback is a note.
    """
    path = Path(path)
    if not path.is_file():
        raise TraceFileError(f"{path}: {'is not a file' if path.exists() else 'there is no such file'}")
    limit = seconds if seconds is not None else SECONDS + path.stat().st_size / _BYTES_PER_SECOND
    command = [sys.executable, "-I", "-c", _CHILD, str(Path(__file__).parents[2]), str(path.resolve()), str(max_bytes)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit, check=False, env=environment, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise TraceFileError(f"{path}: could not be read within {limit:.0f} s; it is damaged, or made to do harm") from None
    try:
        told = json.loads(done.stdout)
    except ValueError:
        words = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
        ended = f"signal {-done.returncode}" if done.returncode < 0 else words or f"exit code {done.returncode}"
        raise TraceFileError(f"{path}: is damaged in a way that ends HDF5's library ({ended})") from None
    if "fault" in told:
        raise TraceFileError(told["fault"].replace(str(path.resolve()), str(path), 1))
    if "bug" in told:
        raise child_crash("The process that checks trace files", told["bug"], done.returncode)
    return [EntryInfo(**entry) for entry in told["entries"]]


def child(path: str, max_bytes: int) -> None:
    """In the child: read all, and print one JSON object."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; the time limit holds there too
        pass
    else:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with TraceReader(path, max_bytes=max_bytes) as reader:
            print(json.dumps({"entries": [vars(reader.scan(name)) for name in reader.names]}))
    except TraceFileError as error:
        print(json.dumps({"fault": str(error)}))
    except MemoryError:
        print(json.dumps({"fault": f"{path}: needs more memory than {MEMORY_BYTES >> 30} GB to be checked"}))
    except Exception:  # the caller raises it again
        print(json.dumps({"bug": traceback.format_exc()}))

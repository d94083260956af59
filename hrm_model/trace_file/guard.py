"""Read a trace file in a child process first, with limits on memory and time, so that no file can crash or block the caller.

HDF5's library is large and old, and a file can be made that crashes it or keeps it busy. What the child could read to the end, the
same library reads in the same way again.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path

from hrm_model.children import search_path
from hrm_model.errors import TraceFileError, child_crash
from hrm_model.trace_file.entry import EntryInfo
from hrm_model.trace_file.reader import MAX_BYTES, TraceReader

MEMORY_BYTES = 2 << 30  # of address space, which Python with NumPy and HDF5 takes up to a third of
SECONDS = 30  # of the clock at the least; large files get more
COMPUTING_SECONDS = 2  # of the processor; some damaged files send the library round in circles
_SIGXCPU = getattr(signal, "SIGXCPU", 24)
_NOT_STARTED = "could not be checked, because the process that checks trace files did not start"
_BYTES_PER_SECOND = 30_000_000

# It finds packages where this process does, whatever told this process: PYTHONPATH, a user's folder, a notebook. Its first word says
# that all are there; before that, what goes wrong is not the file's fault.
_STARTED = b"started\n"
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from hrm_model.trace_file.guard import child;"
    " child(sys.argv[1], int(sys.argv[2]))"
)


def scan(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES, seconds: float | None = None) -> list[EntryInfo]:
    """Let a child process read every trace of a file, and return what it found.

    TraceFileError names the fault, whatever happened to the child. RuntimeError if the child ran into a bug of ours; its traceback is a note.
    """
    path = Path(path)
    if not path.is_file():
        raise TraceFileError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    limit = seconds if seconds is not None else SECONDS + path.stat().st_size / _BYTES_PER_SECOND
    command = [sys.executable, "-I", "-c", _CHILD, json.dumps(search_path()), str(path.resolve()), str(max_bytes)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit, check=False, env=environment, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        if not (error.stdout or b"").startswith(_STARTED):
            raise TraceFileError(f"{path}: {_NOT_STARTED} within {limit:.0f} s. Try again when the machine is less busy") from None
        raise TraceFileError(f"{path}: could not be read within {limit:.0f} s. The file is corrupt or malicious") from None
    except (OSError, MemoryError) as error:
        raise TraceFileError(f"{path}: {_NOT_STARTED} ({getattr(error, 'strerror', None) or 'too little memory'}). Try again") from None
    words = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
    ended = f"signal {-done.returncode}" if done.returncode < 0 else words or f"exit code {done.returncode}"
    if not done.stdout.startswith(_STARTED):
        raise TraceFileError(f"{path}: {_NOT_STARTED} ({ended}). The file itself may be whole")
    try:
        answer = json.loads(done.stdout.removeprefix(_STARTED))
    except ValueError:
        if done.returncode == -_SIGXCPU:
            raise TraceFileError(f"{path}: reading it takes the HDF5 library forever. The file is corrupt or malicious") from None
        if done.returncode == -9:
            raise TraceFileError(
                f"{path}: could not be checked, because the system ended the process that checks it. Is memory short?"
            ) from None
        raise TraceFileError(f"{path}: corrupt; it crashes the HDF5 library ({ended})") from None
    if "fault" in answer:
        raise TraceFileError(answer["fault"].replace(str(path.resolve()), str(path), 1))
    if "bug" in answer:
        raise child_crash("The process that checks trace files", answer["bug"], done.returncode)
    return [EntryInfo(**entry) for entry in answer["entries"]]


def limit_resources(size: int) -> None:
    """Limit this process's memory, and the processor time that it may still use for a file of so many bytes. Not on Windows."""
    try:
        import resource
    except ImportError:  # the time limit of `scan` holds there too
        return
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    seconds = math.ceil(used + COMPUTING_SECONDS + size / _BYTES_PER_SECOND)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def child(path: str, max_bytes: int) -> None:
    """In the child: read all, and print one JSON object."""
    sys.stdout.buffer.write(_STARTED)
    sys.stdout.buffer.flush()
    limit_resources(Path(path).stat().st_size)
    try:
        with TraceReader(path, max_bytes=max_bytes) as reader:
            print(json.dumps({"entries": [vars(reader.scan(name)) for name in reader.names]}))
    except TraceFileError as error:
        print(json.dumps({"fault": str(error)}))
    except MemoryError:
        print(json.dumps({"fault": f"{path}: needs more than {MEMORY_BYTES >> 30} GB of memory to be checked"}))
    except Exception:  # the caller raises it again
        print(json.dumps({"bug": traceback.format_exc()}))

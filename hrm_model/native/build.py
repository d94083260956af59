"""Compiles the C++ of this folder with the machine's own compiler and keeps the libraries in the cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from hrm_model.folders import cache as cache_folder

log = logging.getLogger(__name__)

SWITCH = "HRM_STUDIO_NATIVE"  # an environment variable; 0: never compile, always torch
_FOLDER = Path(__file__).parent
_SECONDS = 180  # a compiler that takes longer than this is given up
_COMMON = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-shared", "-fPIC")
# Tried in turn: not every compiler knows the first ones for its processor.
_TARGETS = (("-march=native", "-mprefer-vector-width=512"), ("-march=native",), ("-mcpu=native",), ())


def compiler() -> str | None:
    """The C++ compiler: $CXX, else the first of g++, clang++ and c++ on the path."""
    names = [os.environ.get("CXX", ""), "g++", "clang++", "c++"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


@cache
def library(source: str, width: int) -> ctypes.CDLL | None:
    """`source` of this folder, compiled for vectors of `width` numbers; None where that is not possible, with the reason in the log."""
    if os.environ.get(SWITCH) == "0" or sys.platform == "win32":
        return None
    command = compiler()
    if command is None:
        log.info("No C++ compiler was found, so torch does the work. With g++ or clang++ symmetric models train faster.")
        return None
    try:
        return ctypes.CDLL(str(_compiled(command, source, width)))
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("Compiling %s with %s failed, so torch does the work: %s", source, command, error)
        return None


def _compiled(command: str, source: str, width: int) -> Path:
    files = sorted([*_FOLDER.glob("*.h"), _FOLDER / source])
    version = subprocess.run([command, "--version"], capture_output=True, timeout=30, check=True).stdout
    key = hashlib.sha256(b"".join([version, _processor(), *(path.read_bytes() for path in files)])).hexdigest()[:16]
    folder = cache_folder() / "native"
    target = folder / f"{Path(source).stem}-{width}-{key}.so"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        made = Path(work) / target.name
        for flags in _TARGETS:
            arguments = [command, *_COMMON, *flags, f"-DWIDTH={width}", "-o", str(made), str(_FOLDER / source)]
            done = subprocess.run(arguments, capture_output=True, timeout=_SECONDS)
            if done.returncode == 0:
                os.replace(made, target)  # two processes may do this at once; both files are the same
                return target
    done.check_returncode()
    raise OSError("the compiler wrote no file")


def _processor() -> bytes:
    """What the processor can do. A cache folder may be shared by machines, and code for one crashes on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        told = [line for line in lines if line.startswith(("flags", "Features", "model name"))]
    except OSError:
        told = []
    return "\n".join([platform.machine(), platform.processor(), *told[:2]]).encode()

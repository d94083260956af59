"""Importing torch in a thread without stopping the window."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
from pathlib import Path


def import_torch() -> None:
    """Import torch with stops of the window as short as possible."""
    if "torch" in sys.modules:
        return
    _preload_torch()
    # Torch makes about 170,000 objects that stay. A full collection over them would stop every thread for about 80
    # milliseconds, again and again; so none runs during the import, and later ones leave these objects out.
    gc.disable()
    try:
        import hrm_model.reasoning  # noqa: F401 (and with it torch)
    finally:
        gc.freeze()
        gc.enable()


def _preload_torch() -> None:
    """Map torch's large libraries before importing it.

    `import torch` maps hundreds of MB while it holds the interpreter's lock, which would stop the window for half a second. A
    foreign call lets go of the lock; once mapped, the import only finds them. Where this does not work, the import does it all.
    """
    if os.name != "posix":
        return
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return
    try:
        dlopen = ctypes.CDLL(None).dlopen
    except (OSError, AttributeError):
        return
    dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    for name in ("libc10.so", "libtorch_cpu.so", "libtorch_python.so"):
        library = Path(found.origin).parent / "lib" / name
        if library.exists():
            dlopen(os.fsencode(library), os.RTLD_NOW | os.RTLD_GLOBAL)

"""Which versions run here, found without importing any of them."""

from __future__ import annotations

import platform

import hrm_model

_SHOWN = ("torch", "PySide6-Essentials", "pyqtgraph", "numpy", "h5py", "safetensors", "huggingface_hub", "pydantic")


def versions() -> dict[str, str]:
    """HRM Studio, Python, the platform and the libraries that matter, by name."""
    found = {"HRM Studio": hrm_model.__version__, "Python": platform.python_version(), "Platform": platform.platform()}
    return found | {name: _version_of(name) or "not installed" for name in _SHOWN}


def versions_text() -> str:
    """One line each, to paste into a report."""
    return "\n".join(f"{name} {number}" for name, number in versions().items())


def _version_of(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # takes 20 ms, which the window's start need not wait for

    try:
        return version(package)
    except PackageNotFoundError:
        return ""

"""The file formats of this project: which version is written, and one check for all that are read. docs/formats.md describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hrm_model.errors import HRMError


@dataclass(frozen=True)
class Format:
    """A format with a version. This program writes `version`, and reads it and all before."""

    name: str  # as the files say it
    version: int

    def check(self, found: Any, where: str, error: type[HRMError]) -> int:
        """The version that a file claims. Raises `error` if it is newer than this program knows, or not a version.

        where: the beginning of the message: the file, and 'is' or '…: is'.
        """
        if type(found) is not int or found < 1:
            raise error(f"{where} of format version {found!r}, which does not exist. The file is damaged.")
        if found > self.version:
            raise error(f"{where} of format version {found}; this version of HRM Studio reads up to {self.version}. Update HRM Studio.")
        return found


CHECKPOINT = Format("hrm-model", 1)  # config.json beside model.safetensors
TRACE = Format("hrm-trace", 3)  # 1 knew no branches, records and attention; 2 not what was changed in a branch
RUN = Format("hrm-run", 1)  # config.yaml; and events, commands and status, which say it in each line as `v`

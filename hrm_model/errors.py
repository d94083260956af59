"""Everything that a person can cause and fix: one base class and a kind for each part of the program.

The message of an HRMError is for people: what happened, in which file or field, and what to do. The studio and the command line
print it as it is. Any other exception is a bug in this program, except OSError and MemoryError, which the machine causes.
"""

from __future__ import annotations

import errno

_REMEDIES = {
    errno.ENOSPC: "Make room on the disk and try again.",
    errno.EDQUOT: "Make room on the disk and try again.",
    errno.EROFS: "Make the folder writable, or set HRM_STUDIO_HOME to another one.",
    errno.EACCES: "Make the folder writable, or set HRM_STUDIO_HOME to another one.",
}


class HRMError(ValueError):
    """Base class of all errors that a person can cause. A ValueError too, so that pydantic reports it with the field at fault.

    >>> import hrm_model
    >>> try:
    ...     hrm_model.parse_puzzle("22..............")
    ... except hrm_model.HRMError as error:
    ...     print(type(error).__name__, "-", error)
    PuzzleError - 2 appears twice in one row: at row 1, column 1 and at row 1, column 2.
    """


class UsageError(HRMError):
    """Options or arguments that do not exist, are out of range, or contradict each other."""


class ConfigError(HRMError):
    """The settings of a model or of a run cannot be used; names the file or field."""


class DeviceError(HRMError):
    """This machine does not have the device that was asked for."""


class PuzzleError(HRMError):
    """A puzzle cannot be read, solved or made.

    `cell`: the index of the cell at fault, if there is one; `place`: the index of the character at fault in the text that was read.
    """

    def __init__(self, message: str, cell: int | None = None, *, place: int | None = None) -> None:
        super().__init__(message)
        self.cell, self.place = cell, place


class SeveralSolutionsError(PuzzleError):
    """A puzzle has several solutions where one is needed. A model can reason about it, and any of them is right."""


class CheckpointError(HRMError):
    """A checkpoint cannot be found, used or written; names the file."""


class MismatchError(HRMError):
    """Two things do not fit together: a model and a puzzle, a model and a trace, two traces."""


class TraceError(HRMError):
    """A trace does not hold what was asked for, such as states."""


class TraceFileError(TraceError):
    """A trace file cannot be read; names the file and the fault."""


class HubError(HRMError):
    """The Hub, the way to it or the disk refused a request.

    `kind`: not_found, token, rate, server, network, offline, disk, hash, choice, busy or other.
    """

    def __init__(self, message: str, kind: str = "other") -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def passing(self) -> bool:
        """Whether trying again later may help."""
        return self.kind in ("rate", "server", "network")


class DatasetError(HRMError):
    """A dataset cannot be used or built; names the file."""


class RunError(HRMError):
    """A run, or its directory, cannot be used as asked."""


class ExportError(HRMError):
    """A picture, video or table cannot be made as asked."""


class OpenError(HRMError):
    """The studio cannot open this file or folder."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, else its kind. Libraries add further lines with advice that does not apply here."""
    return next(iter(str(error).splitlines()), type(error).__name__)


# Expected errors and bugs -------------------------------------------------------------------------------------------------


def is_expected(error: BaseException) -> bool:
    """Whether a person or the machine caused the error: an HRMError, a file or network error, too little memory. All else is a bug."""
    return isinstance(error, HRMError | OSError | MemoryError) or out_of_memory(error)


def message_of(error: BaseException) -> str:
    """One sentence for people: what an expected error says; for a bug its kind, and that the log has more."""
    if isinstance(error, HRMError | OSError):
        return str(error) or type(error).__name__
    if is_expected(error):
        return f"Not enough memory ({first_line(error)[:200]})"
    return f"Internal error ({one_line(error)}). The log has the details."


def write_failure(error: OSError) -> str:
    """Why a file or folder could not be written, and what to do."""
    if error.filename is None or error.strerror is None:
        return str(error)
    return " ".join(filter(None, [f"{error.filename}: cannot be written ({error.strerror}).", _REMEDIES.get(error.errno or 0)]))


def one_line(error: BaseException) -> str:
    """'KeyError: 'board'', kind and message of a bug."""
    return f"{type(error).__name__}: {first_line(error)[:200]}" if str(error) else type(error).__name__


def child_crash(what: str, output: str, code: int) -> RuntimeError:
    """The error to raise if a child process ended by a bug. `output`: what it printed; its traceback appears in logs and reports.

    `what`: 'the process that asks the Hub'.
    """
    last = output.strip().rpartition("\n")[2][:200] or (f"ended by signal {-code}" if code < 0 else f"exit code {code}")
    error = RuntimeError(f"{what} failed: {last}")
    if output.strip():
        error.add_note(f"Output of {what}:\n{output.strip()[-20_000:]}")
    return error


def out_of_memory(error: BaseException) -> bool:
    """Whether torch ran out of memory. CUDA has an error of its own for that, Apple's and the CPU's allocators only words."""
    words = str(error)
    return isinstance(error, RuntimeError) and (
        type(error).__name__ == "OutOfMemoryError" or "out of memory" in words or "can't allocate memory" in words
    )

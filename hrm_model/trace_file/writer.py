"""Write trace files, whole or step by step. A file has a temporary name beside its final one until it is complete."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py

from hrm_model.errors import TraceError
from hrm_model.files import replace as replace_file
from hrm_model.formats import TRACE
from hrm_model.trace.data import Array, ModelInfo, PuzzleInfo, Step, Trace
from hrm_model.trace.recorder import TraceRecorder
from hrm_model.trace_file.extras import Extras
from hrm_model.trace_file.hdf5 import write_attributes
from hrm_model.trace_file.layout import EntryWriter, Planes, States, blocks, planes_of

# HDF5 of 1.10 (2016) and later reads these; their metadata carries checksums, and a file stays readable while it grows.
_LIBVER = ("v110", "v110")
_RESERVE = 1 << 20  # bytes beyond the arrays: an entry's groups, indexes, attributes and first chunks take about 100 kB
_RESERVE_AHEAD = 64 << 20
_AT_ONCE = 512 << 20  # bytes of a trace that is written in one piece
_NOTHING = Extras()


class TraceWriter:
    """Writes one file of one or more traces: `begin` each, `add` its Steps, `close`. The file appears under its name at the end.

    One segment at a time is in memory. Until the end all is in `PATH.part`; if the program is killed, `hrm_model.trace_file.io.read`
    reads that up to its last complete segment. As a context manager it closes after success, and discards what it wrote after an
    exception. An earlier file of that name stays until the new one takes its place.

    WriteError if the disk is full or the folder cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, states: States = "full", creator: str = "HRM Studio") -> None:
        self.path = Path(path)
        self._states: States = states
        self._entry: EntryWriter | None = None
        self._count = 0
        self._pending: list[Step] = []
        self._steps: _Filled | None = None
        self.part = self._create(creator)

    def _create(self, creator: str) -> Path:
        self._file: h5py.File | None = None
        number = 1
        while True:
            part = self.path.with_name(f"{self.path.name}.part" if number == 1 else f"{self.path.name}.{number}.part")
            try:
                # Never over what an earlier writer left when it was killed.
                os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
                self.part = part
                self._reserve(0)
                break
            except FileExistsError:
                number += 1
            except OSError as error:
                part.unlink(missing_ok=True)
                raise _named(error, self.path) from None
        # (This gives the space back; the reservation showed that there is enough to begin and close the file.)
        # Without a lock, which some file systems lack (ENOLCK): the name is new, so nobody else writes to it.
        self._file = h5py.File(part, "w", libver=_LIBVER, locking=False)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        write_attributes(
            self._file, NX_class="NXroot", default="trace", format=TRACE.name, format_version=TRACE.version, creator=creator, file_time=now
        )
        return part

    # Step by step ----------------------------------------------------------------------------------------------------

    def begin(self, puzzle: PuzzleInfo, model: ModelInfo, extras: Extras = _NOTHING) -> None:
        """The next trace of the file. `model.config` must contain `vocab_size` if the first step has no preview."""
        self._finish_entry()
        self._steps = _Filled(puzzle, model, extras)

    def add(self, step: Step) -> None:
        """One more step of it. A segment is written when the next begins, or at the end."""
        assert self._steps is not None, "begin() comes first"
        if self._pending and step.segment != self._pending[-1].segment:
            self._write_pending()
        self._pending.append(self._steps.fill(step))

    def _write_pending(self) -> None:
        steps, self._pending = self._pending, []
        if steps and self._steps is not None:
            self._append(self._steps.block(steps), self._steps.extras, len(steps))

    # Whole traces ----------------------------------------------------------------------------------------------------

    def write(self, trace: Trace, extras: Extras = _NOTHING) -> None:
        """The next trace of the file, whole."""
        if not len(trace):
            raise TraceError("the trace has no steps yet; there is nothing to write")
        self._finish_entry()
        in_pieces = list(blocks(trace))
        rows = len(in_pieces[0])
        with ThreadPoolExecutor(2, "beside") as beside:  # one processor computes while the other writes, and the disk while both compute
            planes = beside.submit(planes_of, trace, self._states)
            on_disk: list[Future[None]] = []
            for block in [trace] if trace.nbytes() < _AT_ONCE else in_pieces:
                self._append(block, extras, rows, lambda: on_disk.append(beside.submit(_to_disk, self.part)))
            self._finish_entry(planes)
            self._try(lambda: [done.result() for done in on_disk])

    # Both ------------------------------------------------------------------------------------------------------------

    def _append(self, block: Trace, extras: Extras, rows: int, states_written: Callable[[], None] | None = None) -> None:
        def append() -> None:
            self._reserve(block.nbytes() + (extras.nbytes() if self._entry is None else 0))
            if self._entry is None:
                self._count += 1
                name = "trace" if self._count == 1 else f"trace_{self._count}"
                self._entry = EntryWriter(self._open(growing=False), name, block, self._states, extras, rows)
            self._entry.append(block, states_written)
            self._open(growing=True).flush()

        self._try(append)

    def _open(self, *, growing: bool) -> h5py.File:
        """The file in the mode in which datasets can only grow, or in the one in which they can be made."""
        file = self._file
        assert file is not None, "the writer is closed"
        if file.swmr_mode != growing:
            if growing:
                file.swmr_mode = True
            else:
                file.close()
                self._file = file = h5py.File(self.part, "r+", libver=_LIBVER, locking=False)
        return file

    def _reserve(self, size: int) -> None:
        """Take the disk space for what comes next, or raise OSError: HDF5's library may crash if a write fails."""
        used = self._file.id.get_filesize() if self._file is not None else 0
        there, wanted = self.part.stat().st_size, used + size + _RESERVE
        if there >= wanted:
            return
        if hasattr(os, "posix_fallocate"):
            with self.part.open("rb+") as file:
                # More than is needed now; otherwise each segment would reserve again.
                os.posix_fallocate(file.fileno(), there, wanted - there + min(used, _RESERVE_AHEAD))
        elif shutil.disk_usage(self.part.parent).free < wanted - there:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _give_back(self) -> None:
        """Cut off what was reserved and not used: HDF5 says where the file ends."""
        with self.part.open("rb+") as file:
            file.truncate(int.from_bytes(file.read(36)[28:], "little"))
        _to_disk(self.part)

    def _finish_entry(self, planes: Future[Planes] | None = None) -> None:
        self._write_pending()
        entry = self._entry
        if entry is not None:

            def finish() -> None:
                self._reserve(entry.plane_bytes)
                entry.finish(planes.result() if planes is not None else None)
                self._open(growing=True).flush()

            self._try(finish)
        self._entry = self._steps = None

    def close(self) -> Path:
        """Complete the file and give it its name. TraceError if nothing was written."""
        self._finish_entry()
        if not self._count:
            self.discard()
            raise TraceError(f"{self.path}: no trace was written")

        def end() -> None:
            if self._file is not None:
                self._file.close()
                self._file = None
            self._give_back()
            replace_file(self.part, self.path)

        self._try(end)
        return self.path

    def discard(self) -> None:
        """Forget what was written; an earlier file of that name stays as it is."""
        file, self._file, self._entry, self._steps, self._pending = self._file, None, None, None, []
        if file is not None:
            with suppress(OSError, RuntimeError):  # what could not be written is discarded anyway
                file.close()
        self.part.unlink(missing_ok=True)

    def _try(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except (OSError, RuntimeError) as error:  # h5py raises either if the disk is full
            self.discard()
            raise _named(error, self.path) from error

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        elif self._file is not None:
            self.discard()


class _Filled:
    """Turns the steps of one trace into blocks: each has the states before it, and an answer even without a preview."""

    def __init__(self, puzzle: PuzzleInfo, model: ModelInfo, extras: Extras) -> None:
        self.puzzle, self.model, self.extras = puzzle, model, extras
        self._last: tuple[Array, Array] | None = None
        self._answer: tuple[Array, Array] | None = None

    def fill(self, step: Step) -> Step:
        if step.prediction is not None and step.probability is not None:
            self._answer = step.prediction, step.probability
        elif self._answer is not None:
            step = replace(step, prediction=self._answer[0], probability=self._answer[1])
        return step

    def block(self, steps: Sequence[Step]) -> Trace:
        recorder = TraceRecorder(self.puzzle, self.model, state_dtype=_dtype(steps[0]), capacity=len(steps))
        for k, step in enumerate(steps):
            recorder.add(replace(step, initial=self._last) if k == 0 and self._last is not None else step)
        made = recorder.trace()
        if made.z_H is not None and made.z_L is not None:
            self._last = made.z_H[-1], made.z_L[-1]
        return made


def _to_disk(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _dtype(step: Step) -> str | None:
    return None if step.state is None else str(step.state.dtype)


def write(path: str | os.PathLike[str], traces: Trace | Sequence[Trace], *, states: States = "full", extras: Sequence[Extras] = ()) -> Path:
    """Write one trace or several to a file. An earlier file is replaced when all is written.

    `extras`: what else belongs to the first, second … of them. `states`: 'full' (bit for bit), 'float16' (rounded to nearest), 'pooled' (mean over positions) or 'none'.
    TraceError if a trace is empty or its states do not fit into float16; WriteError.
    """
    many = [traces] if isinstance(traces, Trace) else list(traces)
    with TraceWriter(path, states=states) as writer:
        for trace, more in zip(many, [*extras, *[_NOTHING] * (len(many) - len(extras))], strict=True):
            writer.write(trace, more)
    return writer.path


def size_estimate(*, h_steps: int, l_steps: int, positions: int, cells: int, width: int, vocabulary: int, states: States = "full") -> int:
    """Bytes that a trace will need, before it is recorded. Probabilities are compressed if few states are kept, which halves a Sudoku's."""
    rows, steps = h_steps + l_steps + 2, h_steps + l_steps
    a_row = {"full": 4 * positions * width, "float16": 2 * positions * width, "pooled": 4 * width, "none": 0}[states]
    answer = cells * 4 * vocabulary // (1 if states in ("full", "float16") else 2) + cells
    return rows * a_row + steps * (answer + 80) + 60_000


def _named(error: Exception, path: Path) -> OSError:
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    where = "the folder does not exist" if isinstance(error, FileNotFoundError) else reason
    return OSError(f"{path}: cannot be written ({where}); what was there before is unchanged")

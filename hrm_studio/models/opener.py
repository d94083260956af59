"""Opens files and folders of any kind on the page for them, so that pages need not know each other."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, QSettings, Signal

from hrm_model.checkpoint.locate import begins_like_weights, is_weights_name
from hrm_model.errors import OpenError
from hrm_model.folders import person
from hrm_model.foreign import named
from hrm_model.tasks.arc.puzzle import LARGEST_FILE, task_folders

Kind = Literal["trace", "checkpoint", "run", "dataset", "puzzles"]

_RECENT = 12
_LONGEST = 64  # characters of a path in a menu
_LARGEST_TEXT = 1 << 20  # bytes; a longer file is a data set, not a puzzle
_HEAD = 1024  # bytes read to find out what a file is
_KINDS = "puzzles as text, ARC tasks (.json), traces (.h5) and checkpoints (.safetensors, or written by torch.save)"
_WEIGHTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".zip")


def kind_of(path: Path) -> Kind:
    """What a file or folder is, by its contents. OpenError says why it cannot be opened."""
    if path.is_dir():
        if (path / "config.yaml").exists() and (path / "events.jsonl").exists() or (path / "checkpoints").is_dir():
            return "run"
        if (path / "config.json").exists() or (path / "all_config.yaml").exists() or any(is_weights_name(f.name) for f in path.iterdir()):
            return "checkpoint"
        if any((path / split / "dataset.json").is_file() for split in ("train", "test")):
            return "dataset"
        if task_folders(path):
            return "puzzles"
        raise OpenError(
            f"Unsupported folder: {path}. HRM Studio opens runs (config.yaml, events.jsonl), checkpoints (model.safetensors with "
            "config.json), datasets (train/dataset.json) and ARC tasks (*.json)."
        )
    if not path.exists():
        raise OpenError(f"{path} does not exist.")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise OpenError(f"Empty file: {path}")
    if path.suffix in _WEIGHTS or path.name.startswith("step_") or path.name == "checkpoint":
        if not begins_like_weights(head):
            raise OpenError(f"{path}: {named(head, 'a checkpoint') or f'not a checkpoint. HRM Studio opens {_KINDS}.'}")
        return "checkpoint"
    if head.startswith(b"\x89HDF\r\n\x1a\n") or path.suffix.lower() in (".h5", ".hdf5"):
        return "trace"
    if path.stat().st_size <= (LARGEST_FILE if path.suffix.lower() == ".json" else _LARGEST_TEXT) and b"\0" not in head:
        return "puzzles"
    raise OpenError(f"Unsupported file: {path}. HRM Studio opens {_KINDS}.")


def short_path(path: Path) -> str:
    """A path for a menu: '~' for the user's folder, long ones cut in the middle."""
    home = person()
    text = str(path)
    if path.is_relative_to(home):
        text = str(Path("~") / path.relative_to(home))
    return text if len(text) <= _LONGEST else text[: _LONGEST // 3] + "…" + text[-(2 * _LONGEST // 3) :]


class Opener(QObject):
    """Signals what is to be opened; the window and its pages act on it.

    Signals
    -------
    page_wanted(str)        a page by its name
    wanted(str, object)     a Kind and its Path
    puzzle_wanted(str)      a puzzle as text
    comparison_wanted(list) two to four (Path of a model, segments, puzzle as text), side by side
    evaluation_wanted(str)  many puzzles as text, to evaluate a model on
    refused(str)            why a path cannot be opened
    saved(object)           the Path of a file that was written
    recent_changed()        the list of recent files
    """

    page_wanted = Signal(str)
    wanted = Signal(str, object)
    puzzle_wanted = Signal(str)
    comparison_wanted = Signal(list)
    evaluation_wanted = Signal(str)
    refused = Signal(str)
    saved = Signal(object)
    recent_changed = Signal()

    def __init__(self, settings: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._asked: set[Path] = set()  # paths that were asked for and not read yet

    def go(self, page: str) -> None:
        """Show a page."""
        self.page_wanted.emit(page)

    def open(self, path: Path) -> None:
        """Open a trace, checkpoint, run folder, dataset or file of puzzles, on the page for it."""
        path = path.absolute()  # it is remembered, and the next session may begin in another folder
        try:
            kind = kind_of(path)
        except (OpenError, OSError) as error:
            self.refused.emit(str(error))
            return
        self._asked.add(path)
        self.wanted.emit(kind, path)

    def opened(self, path: Path) -> None:
        """A path that `open` asked for was read without error: add it to the recent files. Other paths are ignored."""
        if path in self._asked:
            self._asked.discard(path)
            self.remember(path)

    def recent(self) -> list[Path]:
        """The recent files, newest first."""
        stored = self._settings.value("recent_files")
        found = [stored] if isinstance(stored, str) else stored if isinstance(stored, list) else []
        return [Path(p) for p in found if isinstance(p, str) and Path(p).is_absolute()]

    def remember(self, path: Path) -> None:
        path = path.absolute()
        kept = [path, *(p for p in self.recent() if p != path)][:_RECENT]
        self._settings.setValue("recent_files", [str(p) for p in kept])
        self.recent_changed.emit()

    def saved_here(self, path: Path) -> None:
        """A file was written that can be opened again: say where, and add it to the recent files."""
        self.remember(path)
        self.saved.emit(path)

    def forget_recent(self) -> None:
        self._settings.remove("recent_files")
        self.recent_changed.emit()

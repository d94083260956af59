"""Opening whatever a path is. Pages ask here and need not know each other."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, QSettings, Signal

from hrm_model.checkpoint.locate import begins_like_weights, is_weights_name
from hrm_model.errors import OpenError
from hrm_model.tasks.arc.puzzle import LARGEST_FILE, task_folders

Kind = Literal["trace", "checkpoint", "run", "dataset", "puzzles"]

_RECENT = 12
_LONGEST = 64  # characters of a path in a menu
_LARGEST_TEXT = 1 << 20  # bytes; a longer file is a data set, not a puzzle
_HEAD = 1024  # bytes of a file that tell what it is
_KINDS = "puzzles as text, ARC tasks (.json), a trace (.h5) or a checkpoint (.safetensors, or a file that torch.save wrote)"
_WEIGHTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".zip")


def kind_of(path: Path) -> Kind:
    """What a file or folder is, told by what is in it. OpenError says why it is nothing that can be opened."""
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
            f"{path} holds neither a run (config.yaml, events.jsonl) nor a checkpoint (model.safetensors with config.json) "
            "nor a dataset (train/dataset.json) nor ARC tasks (*.json)."
        )
    if not path.exists():
        raise OpenError(f"{path} is not there.")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise OpenError(f"{path} is empty.")
    if path.suffix in _WEIGHTS or path.name.startswith("step_") or path.name == "checkpoint":
        if not begins_like_weights(head):
            raise OpenError(f"{path} is no checkpoint, nor anything else that the studio opens: {_KINDS}.")
        return "checkpoint"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "trace"
    if path.stat().st_size <= (LARGEST_FILE if path.suffix.lower() == ".json" else _LARGEST_TEXT) and b"\0" not in head:
        return "puzzles"
    raise OpenError(f"{path} is nothing that the studio opens: {_KINDS}.")


def short_path(path: Path) -> str:
    """A path for a menu: '~' for the user's folder, long ones cut in the middle."""
    home = Path.home()
    text = str(path)
    if path.is_relative_to(home):
        text = str(Path("~") / path.relative_to(home))
    return text if len(text) <= _LONGEST else text[: _LONGEST // 3] + "…" + text[-(2 * _LONGEST // 3) :]


class Opener(QObject):
    """Tells what was asked for; the window and its pages answer.

    Signals
    -------
    page_wanted(str)        a page by its name
    wanted(str, object)     a Kind and its Path
    puzzle_wanted(str)      a puzzle as text
    refused(str)            a sentence: why a path cannot be opened
    recent_changed()        the list of recent files
    """

    page_wanted = Signal(str)
    wanted = Signal(str, object)
    puzzle_wanted = Signal(str)
    refused = Signal(str)
    recent_changed = Signal()

    def __init__(self, settings: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._asked: set[Path] = set()  # what was asked for and has not shown yet whether it can be opened

    def go(self, page: str) -> None:
        """Show a page."""
        self.page_wanted.emit(page)

    def open(self, path: Path) -> None:
        """Open a trace, checkpoint, run folder, dataset or file of puzzles, on the page that shows such."""
        try:
            kind = kind_of(path)
        except (OpenError, OSError) as error:
            self.refused.emit(str(error))
            return
        self._asked.add(path)
        self.wanted.emit(kind, path)

    def opened(self, path: Path) -> None:
        """What `open` asked for could be read: only now is it remembered. Nothing for any other path."""
        if path in self._asked:
            self._asked.discard(path)
            self.remember(path)

    def recent(self) -> list[Path]:
        """What was opened before, newest first."""
        stored = self._settings.value("recent_files")
        found = [stored] if isinstance(stored, str) else stored if isinstance(stored, list) else []
        return [Path(p) for p in found if isinstance(p, str) and p]

    def remember(self, path: Path) -> None:
        kept = [path, *(p for p in self.recent() if p != path)][:_RECENT]
        self._settings.setValue("recent_files", [str(p) for p in kept])
        self.recent_changed.emit()

    def forget_recent(self) -> None:
        self._settings.remove("recent_files")
        self.recent_changed.emit()

"""Find the weights of a checkpoint and the files beside them: in a folder, a run's folder, a single file or a zip."""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from hrm_model.errors import CheckpointError
from hrm_model.files import atomic_path
from hrm_model.folders import cache

# What zipfile raises on damaged archives; RuntimeError also on encrypted ones.
DAMAGED_ZIP = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)

_STEP = re.compile(r"^(?:step_(\d+)|checkpoint)(\.pt|\.pth)?$")
_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
_CONFIGS = (".json", ".yaml", ".yml")
_MOST_FILES = 10_000
_UNPACKED_KEPT = 8
_MOST_UNPACKED = 64 << 30  # bytes


@dataclass(frozen=True)
class CheckpointFiles:
    """The files of a checkpoint: those that are used, and those that are refused."""

    asked: Path  # as the caller gave it
    weights: Path
    configs: tuple[Path, ...] = ()  # the likeliest first
    card: Path | None = None
    refused: tuple[str, ...] = field(default=())  # 'name: why' of files beside the weights that are never read

    @property
    def name(self) -> str:
        """A name for menus."""
        return short_name(self.asked)


def short_name(path: Path) -> str:
    """The name of the model at a path: the id of a model in the Hub's cache, else the folder's name, or the file's if that says more."""
    repository = next((p.name for p in (path, *path.parents) if p.name.startswith("models--")), "")
    if repository:
        return repository.removeprefix("models--").replace("--", "/", 1)
    if path.suffix == ".zip":
        return path.stem
    return path.parent.name if path.name in ("model.safetensors", "checkpoint") and not path.is_dir() else path.name


def is_weights_name(name: str) -> bool:
    """Whether a file of this name may contain a model's weights: model.safetensors, step_N, checkpoint, *.pt …"""
    return bool(_STEP.match(name)) or (name.endswith(_SUFFIXES) and name != "training_state.pt")


def begins_like_weights(head: bytes) -> bool:
    """Whether torch.save (an archive, or a pickle) or safetensors may have written a file with these first bytes, complete or not."""
    return head.startswith((b"PK", b"\x80")) or head[8:9] == b"{"


def rank(name: str) -> tuple[int, int]:
    """Order of several weights files, the likeliest highest: our own, then the published one of the highest step."""
    if name == "model.safetensors":
        return 3, 0
    if (step := _STEP.match(name)) is not None:
        return 2, int(step[1] or 0)
    return 1, 0


def find(path: str | Path) -> CheckpointFiles:
    """The weights of a checkpoint folder, a run folder, a file or a zip. CheckpointError says what is missing or refused."""
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"{path}: {_dangling(path) if path.is_symlink() else 'no such file or folder'}")
    if path.is_dir():
        return replace(_in_folder(_of_run(path) or path), asked=path)
    if _is_archive(path):
        return replace(find(unpack(path)), asked=path)
    if not path.is_file():
        raise CheckpointError(f"{path}: not a file or folder")
    beside = _siblings(path.parent)
    return CheckpointFiles(path, path, _configs(path, beside[0]), _card(path.parent), beside[1])


def _of_run(folder: Path) -> Path | None:
    """The best checkpoint of a run's folder, else its last one; None if it is not a run."""
    checkpoints = folder / "checkpoints"
    if not checkpoints.is_dir() or (folder / "model.safetensors").exists():
        return None
    for pointer in ("best", "last"):
        file = checkpoints / pointer
        try:
            named = file.read_text(encoding="utf-8").strip() if file.is_file() and file.stat().st_size < 256 else ""
        except (OSError, UnicodeDecodeError):
            continue
        if named and "/" not in named and "\\" not in named and named not in (".", "..") and (checkpoints / named).is_dir():
            return checkpoints / named
    steps = sorted(p for p in checkpoints.glob("step_*") if p.is_dir() and not p.name.endswith(".part"))
    if not steps:
        raise CheckpointError(f"{folder}: this run has not saved a checkpoint yet")
    return steps[-1]


def _in_folder(folder: Path) -> CheckpointFiles:
    files, refused = _siblings(folder)
    candidates = sorted((f for f in files if is_weights_name(f.name)), key=lambda f: (rank(f.name), f.name), reverse=True)
    if not candidates:
        inner = [p for p in folder.iterdir() if p.is_dir() and not p.is_symlink() and not p.name.startswith(".")]
        if len(inner) == 1:  # archives often have one top folder
            return _in_folder(inner[0])
        parts = any(f.name == "model.safetensors.index.json" for f in files)
        why = (
            "(its weights are split into parts; join them first)"
            if parts
            else "(model.safetensors with config.json, or step_N with all_config.yaml)"
        )
        lost = next((p for p in sorted(folder.iterdir()) if p.is_symlink() and not p.exists() and is_weights_name(p.name)), None)
        if lost is not None:
            raise CheckpointError(f"{lost}: {_dangling(lost)}")
        raise CheckpointError(f"{folder}: no checkpoint found {why}")
    first = candidates[0]
    if len(candidates) > 1 and rank(first.name)[0] == 1:
        raise CheckpointError(f"{folder}: several checkpoints: {', '.join(f.name for f in reversed(candidates[-5:]))}. Open one of them")
    return CheckpointFiles(folder, first, _configs(first, files), _card(folder), refused)


def _siblings(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The plain files of a folder, and those that are never read, with the reason."""
    files, refused = [], []
    for number, entry in enumerate(sorted(folder.iterdir())):
        if number >= _MOST_FILES:
            raise CheckpointError(f"{folder}: more than {_MOST_FILES:,} files. Open the weights file itself")
        if entry.is_symlink() and not _stays_inside(entry, folder):
            refused.append(f"{entry.name}: not read, because it is a symbolic link to another place")
        elif entry.is_symlink() and not entry.exists():
            refused.append(f"{entry.name}: not read, because the file that it links to is missing")
        elif entry.suffix in (".py", ".pyc", ".so", ".pkl"):
            refused.append(f"{entry.name}: not read, because it is code, which a checkpoint does not need")
        elif entry.is_file():
            files.append(entry)
    return files, tuple(refused)


def _dangling(link: Path) -> str:
    """What to say of a link whose target is missing."""
    again = "Download the model again" if any(p.name.startswith("models--") for p in link.parents) else "Copy the file itself"
    return f"a link to {str(link.readlink())[:200]}, which is missing: the file was deleted, or never completely downloaded. {again}"


def _stays_inside(link: Path, folder: Path) -> bool:
    """Whether a link ends inside its folder; the cache of huggingface_hub links from snapshots/ to blobs/ of the same repository."""
    target = link.resolve()
    root = folder.resolve()
    if target.is_relative_to(root):
        return True
    repository = next((p for p in root.parents if p.name.startswith("models--")), None)
    return repository is not None and target.is_relative_to(repository / "blobs")


def _configs(weights: Path, files: list[Path]) -> tuple[Path, ...]:
    # A file named after the weights first: there the studio keeps settings that a person entered.
    names = [*(weights.name + s for s in _CONFIGS), "config.json", "all_config.yaml", *(weights.stem + s for s in _CONFIGS)]
    by_name = {f.name: f for f in files}
    found = [by_name[name] for name in dict.fromkeys(names) if name in by_name]
    others = [f for f in files if f.suffix in (".yaml", ".yml") and f not in found]
    return (*found, *(others if len(others) == 1 else ()))


def _card(folder: Path) -> Path | None:
    return next((folder / n for n in ("card.md", "README.md", "readme.md") if (folder / n).is_file()), None)


# Archives ------------------------------------------------------------------------------------------------------------


def _is_archive(path: Path) -> bool:
    """A zip of files; what torch.save writes is a zip too, but of one pickle and its numbers."""
    try:
        with path.open("rb") as stream:
            if stream.read(2) != b"PK":
                return False
        with zipfile.ZipFile(path) as archive:
            return not any(n.endswith("data.pkl") and n.count("/") <= 1 for n in archive.namelist())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
    except DAMAGED_ZIP:  # not a zip that zipfile can read; torch's reader reports it
        return False


def unpack(path: Path) -> Path:
    """The folder with the weights, configurations and card of a zip; unpacked once. CheckpointError for an archive that is not a checkpoint."""
    found = path.stat()
    key = hashlib.sha256(f"{path.resolve()} {found.st_size} {found.st_mtime_ns}".encode()).hexdigest()[:16]
    folder = cache() / "unpacked" / f"{path.stem}-{key}"
    if folder.is_dir():
        return folder
    try:
        with zipfile.ZipFile(path) as archive:
            wanted = _wanted_members(path, archive)
            free = shutil.disk_usage(_existing(folder)).free
            total = sum(m.file_size for m in wanted)
            if total > free:
                raise CheckpointError(f"{path}: needs {total:,} bytes unpacked, and {folder.parent} has {free:,} free. Make room")
            folder.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(folder, sync=False) as unpacked:
                for member in wanted:
                    target = unpacked / member.filename
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as source, target.open("wb") as sink:
                        shutil.copyfileobj(source, sink, 1 << 20)
        _forget_old(folder.parent)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be unpacked into {folder.parent} ({error.strerror or error})") from None
    except DAMAGED_ZIP as error:
        raise CheckpointError(f"{path}: not a complete zip archive ({str(error)[:200] or type(error).__name__})") from None
    return folder


def _forget_old(folder: Path) -> None:
    """Keep only the newest few: archives can be unpacked again."""
    for old in sorted((p for p in folder.iterdir() if not p.name.endswith(".part")), key=lambda p: -p.stat().st_mtime)[_UNPACKED_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _wanted_members(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = archive.infolist()
    if len(members) > _MOST_FILES:
        raise CheckpointError(f"{path}: refused, because it contains {len(members):,} files")
    wanted = []
    for member in members:
        name = member.filename
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts or "\\" in name or ":" in name or "\0" in name:
            raise CheckpointError(f"{path}: refused, because {name[:200]!r} would be written outside its folder")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise CheckpointError(f"{path}: refused, because {name[:200]!r} is a symbolic link")
        if member.is_dir() or not (is_weights_name(place.name) or place.name.endswith((*_CONFIGS, ".md"))):
            continue  # code and data sets stay in the archive
        if member.file_size > 1 << 20 and member.file_size > 200 * max(member.compress_size, 1):
            raise CheckpointError(f"{path}: refused, because {name[:200]!r} would grow to {member.file_size:,} bytes")
        wanted.append(member)
    if sum(m.file_size for m in wanted) > _MOST_UNPACKED:
        raise CheckpointError(f"{path}: refused, because it would grow to {sum(m.file_size for m in wanted):,} bytes")
    if not any(is_weights_name(PurePosixPath(m.filename).name) for m in wanted):
        raise CheckpointError(f"{path}: no checkpoint found (model.safetensors with config.json, or step_N with all_config.yaml)")
    return wanted

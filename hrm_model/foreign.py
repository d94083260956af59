"""What a file is if it is not what its name says: a web page saved under a model's name, a pointer of Git LFS, a cut download …

Readers ask once they have refused a file, so that the message names the cause and not only the damage.
"""

from __future__ import annotations

import re
from pathlib import Path

_LOOKED_AT = 1024  # bytes
_AGAIN = "Download it again."
_SIGN_IN = "Download it again; the site may ask you to sign in or to accept its terms first."
_UNPACK = "Unpack it first."

_TEXT = rb"(?i)\A(?:\xef\xbb\xbf)?\s*"

# What a file begins with, what it is then, and what to do. The first that fits counts.
_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (_TEXT + rb"version https://git-lfs", "a pointer of Git LFS", "Run `git lfs pull` in its folder to fetch the file."),
    (_TEXT + rb"\S*/annex/objects/", "a pointer of git-annex", "Run `git annex get` in its folder to fetch the file."),
    (_TEXT + rb"(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body)\b", "a web page (HTML)", _SIGN_IN),
    (_TEXT + rb"<(?:\?xml|error)\b.{0,200}?<error", "a server's error message (XML)", _SIGN_IN),
    (_TEXT + rb"<\?xml\b", "an XML document", _AGAIN),
    (_TEXT + rb'\{\s*"(?:error|message|detail|status)"\s*:', "a server's error message (JSON)", _SIGN_IN),
    (rb"\A\0{64}", "a file of zero bytes, as a download that was cut off leaves it", _AGAIN),
    (rb"\A\x1f\x8b", "a file packed with gzip", _UNPACK),
    (rb"\A\xfd7zXZ\0", "a file packed with xz", _UNPACK),
    (rb"\A\x28\xb5\x2f\xfd", "a file packed with Zstandard", _UNPACK),
    (rb"\ABZh[1-9]", "a file packed with bzip2", _UNPACK),
    (rb"\A7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (rb"\ARar!\x1a\x07", "a RAR archive", _UNPACK),
    (rb"\A.{257}ustar", "a tar archive", _UNPACK),
    (rb"\APK\x03\x04", "a zip archive", _UNPACK),
    (rb"\A\x89HDF\r\n\x1a\n", "an HDF5 file", ""),
    (rb"\A.{8}\{\"", "a safetensors file", ""),
    (rb"\A\x93NUMPY", "a NumPy array (.npy)", ""),
    (rb"\AGGUF", "a GGUF file", ""),
    (rb"\ASQLite format 3\0", "an SQLite database", ""),
    (rb"\A\x89PNG|\A\xff\xd8\xff|\AGIF8", "a picture", ""),
    (rb"\A%PDF-", "a PDF document", ""),
)
_KNOWN = tuple((re.compile(begin, re.DOTALL), what, remedy) for begin, what, remedy in _BEGINNINGS)


def named(head: bytes, wanted: str) -> str:
    """As `what_it_is`, from a file's first bytes."""
    for begin, what, remedy in _KNOWN:
        if begin.match(head):
            return f"{what}, not {wanted}.{' ' * bool(remedy)}{remedy}"
    return ""


def what_it_is(path: Path, wanted: str) -> str:
    """'a web page (HTML), not a checkpoint. Download it again; …'; '' if nothing is known about the file, or it cannot be read."""
    try:
        with path.open("rb") as stream:
            return named(stream.read(_LOOKED_AT), wanted)
    except OSError:
        return ""

"""Ways to spoil an input: its bytes, its lines, its tree of JSON, its archive. Each takes a random generator and gives new bytes."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zipfile
from typing import Any

_ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**400, 0.5, -0.0, float("nan"), float("inf"), 1e308, "", " ", "0", "x" * 300, "\0", "é→𝟛",
    "../../etc/passwd", "/etc/passwd", "-", [], {}, [[]], [None], {"": {}}, [0] * 40, "nan", "1e999", "\ud800", [[[[[[[[1]]]]]]]],
]  # fmt: skip
_ODD_TEXT = ["\0", "\ufeff", "\u202e", "\u00a0", "\t", "\r", "\n\n", "٣", "७", "９", "—", "…", "█", ",", ";", '"', "'", "[", "]", "{", "}", "<", ">", "|", "#", "S", "G",
             "0" * 81, "1e+80", "nan", "-", "\u2028", "\U0001d7db", "=1+1", "<td>", "&nbsp;", "://", "\\x00", "..", ".", "9", "A"]  # fmt: skip


def spoiled(data: bytes, rng: random.Random) -> bytes:
    """Bytes: flipped, put in, taken out, doubled, exchanged, cut off."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, size = rng.randrange(len(made) + 1), rng.choice((1, 1, 2, 4, 8, 64, 1024))
        match rng.randrange(7):
            case 0 if at < len(made):
                made[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(made):
                made[at] = rng.choice((0, 1, 9, 10, 32, 34, 48, 92, 127, 128, 255))
            case 2:
                made[at:at] = rng.randbytes(size)
            case 3:
                del made[at : at + size]
            case 4:
                made[at:at] = made[at : at + size]
            case 5:
                made[at : at + size] = made[(other := rng.randrange(len(made) + 1)) : other + size]
            case _:
                del made[at:]
    return bytes(made)


def spoiled_text(text: str, rng: random.Random) -> bytes:
    """Lines and characters: exchanged, repeated, dropped, replaced by odd ones; other encodings and line ends."""
    lines = text.split("\n")
    for _ in range(rng.choice((1, 1, 2, 4, 12))):
        at = rng.randrange(len(lines))
        place = rng.randrange(len(lines[at]) + 1)
        match rng.randrange(8):
            case 0:
                lines[at] = lines[at][:place] + rng.choice(_ODD_TEXT) + lines[at][place:]
            case 1:
                lines[at] = lines[at][:place] + rng.choice(_ODD_TEXT) + lines[at][place + 1 :]
            case 2:
                lines[at] = lines[at][:place]
            case 3:
                lines[at:at] = [lines[rng.randrange(len(lines))]] * rng.choice((1, 1, 2, 50))
            case 4 if len(lines) > 1:
                del lines[at]
            case 5:
                lines[at] = lines[at].replace(rng.choice(lines[at] or " "), rng.choice(_ODD_TEXT))
            case 6:
                lines[at] = rng.choice((" ", "\t", "> ", "1: ", "# ", "| ", "'")) + lines[at]
            case _:
                lines[at] = lines[at][place:] + lines[at][:place]
    made = rng.choice(("\n",) * 6 + ("\r\n", "\r")).join(lines)
    encoding = rng.choice(("utf-8",) * 8 + ("utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252"))
    return made.encode(encoding, errors="replace")


def spoiled_tree(tree: Any, rng: random.Random) -> Any:
    """JSON: values replaced by odd ones or by parts of the tree, names changed, entries dropped, repeated, nested."""
    made = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        holders: list[Any] = []
        _holders(made, holders)
        if not holders:
            return rng.choice(_ODD_VALUES)
        holder = rng.choice(holders)
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        match rng.randrange(7):
            case 0 | 1 | 2:
                holder[key] = copy.deepcopy(rng.choice(_ODD_VALUES))
            case 3:
                del holder[key]
            case 4:
                holder[key] = copy.deepcopy(rng.choice(holders))
            case 5 if isinstance(holder, dict):
                holder[rng.choice(("", "x", key + "_", key.upper(), "__class__", "../" + key))] = holder.pop(key)
            case _ if isinstance(holder, list):
                holder[key:key] = [copy.deepcopy(holder[key])] * rng.choice((1, 2, 40))
            case _:
                holder[key] = [holder[key]]
    return made


def _holders(tree: Any, found: list[Any]) -> None:
    inner = list(tree.values()) if isinstance(tree, dict) else tree if isinstance(tree, list) else []
    if inner:
        found.append(tree)
    for part in inner[:60]:
        _holders(part, found)


def spoiled_json(tree: Any, rng: random.Random) -> bytes:
    """A spoiled tree as text; sometimes the text is spoiled too, or nested beyond what a parser bears."""
    if rng.random() < 0.01:
        return b"[" * 100_000 if rng.random() < 0.5 else b'{"a":' * 50_000
    text = json.dumps(spoiled_tree(tree, rng) if rng.random() < 0.9 else tree, ensure_ascii=rng.random() < 0.5)
    return spoiled(text.encode(errors="surrogatepass"), rng) if rng.random() < 0.2 else text.encode(errors="surrogatepass")


def spoiled_lines(entries: list[Any], rng: random.Random) -> bytes:
    """Lines of JSON, some of them spoiled, cut or out of order."""
    lines = [spoiled_json(e, rng).replace(b"\n", b" ") if rng.random() < 0.3 else json.dumps(e).encode() for e in entries]
    if rng.random() < 0.3:
        rng.shuffle(lines)
    text = b"\n".join(lines) + b"\n"
    return spoiled(text, rng) if rng.random() < 0.2 else text


def spoiled_safetensors(data: bytes, rng: random.Random) -> bytes:
    """The header's tree with its true length, or any bytes."""
    (length,) = struct.unpack("<Q", data[:8])
    if rng.random() < 0.3:
        return spoiled(data[: 8 + length], rng) + data[8 + length :]
    header = spoiled_json(json.loads(data[8 : 8 + length]), rng)
    told = len(header) if rng.random() < 0.9 else rng.choice((0, 1, len(header) + 9, 2**40, 2**63))
    return struct.pack("<Q", told) + header + data[8 + length :][: rng.choice((1 << 30, 100, 0))]


def spoiled_zip(data: bytes, rng: random.Random) -> bytes:
    """Members renamed, doubled, dropped, packed, made large, made links; or any bytes."""
    if rng.random() < 0.4:
        return spoiled(data, rng)
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(made, "w") as target:
        for member in source.infolist():
            content, name, pack = source.read(member), member.filename, member.compress_type
            match rng.randrange(14):
                case 0:
                    name = rng.choice(("../", "/", "a/../../", "C:\\", "\\\\h\\", "./")) + name
                case 1:
                    continue
                case 2:
                    name = name.replace("data", rng.choice(("data2", "", "data/data", "DATA")))
                case 3:
                    pack = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
                case 4:
                    content = spoiled(content, rng)
                case 5:
                    content, pack = bytes(rng.choice((1 << 16, 3 << 20))), zipfile.ZIP_DEFLATED
                case 6:
                    content = content[: rng.randrange(len(content) + 1)]
                case _:
                    pass
            entry = zipfile.ZipInfo(name)
            entry.compress_type = pack
            if rng.random() < 0.03:
                entry.external_attr = 0o120777 << 16  # a symbolic link
            target.writestr(entry, content)
    whole = made.getvalue()
    return spoiled(whole, rng) if rng.random() < 0.15 else whole


def spoiled_pickle(data: bytes, rng: random.Random) -> bytes:
    """Names that would be imported, instructions put in, and any bytes."""
    match rng.randrange(4):
        case 0:
            name = rng.choice(
                (
                    b"os\nsystem\n",
                    b"builtins\nexec\n",
                    b"builtins\neval\n",
                    b"torch\nload\n",
                    b"collections\nOrderedDict\n",
                    b"torch\nfloat8_e4m3fn\n",
                )
            )
            return data.replace(b"ctorch._utils\n_rebuild_tensor_v2\n", b"c" + name, rng.choice((1, -1)))
        case 1:
            at = rng.randrange(len(data))
            calls = (
                b"cos\nsystem\n(X\x04\x00\x00\x00trueltR",
                b"(i__main__\nx\n",
                b"\x93",
                b"\x81",
                b"\x92",
                b"R",
                b"b",
                b"(" * 200,
                b"0" * 20,
                b"2" * 50,
                b"j\xff\xff\xff\x7f",
            )
            return data[:at] + rng.choice(calls) + data[at:]
        case _:
            return spoiled(data, rng)


def spoiled_array(data: bytes, rng: random.Random) -> bytes:
    """A .npy file: its header's words and numbers, or any bytes."""
    if rng.random() < 0.5:
        return spoiled(data, rng)
    end = 10 + int.from_bytes(data[8:10], "little")
    header = data[10:end].decode()
    old, new = rng.choice(
        (
            ("'<", "'>"),
            ("u1", "f8"),
            ("i4", "O"),
            ("|u1", "|S9"),
            ("False", "True"),
            ("(", "(-"),
            ("(", "(99999999999,"),
            (",)", ")"),
            ("shape", "shapes"),
            ("{", ""),
            ("i", "f"),
        )
    )
    made = header.replace(old, new).encode()[:60000]
    return data[:8] + len(made).to_bytes(2, "little") + made + data[end:]

"""Changes that know what a submission is: cells, lines, encodings, members of a zip, sizes that lie.

A byte changed at random in a zip breaks its checksum, and nothing behind it is ever reached.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable

__all__ = ["mutate"]

CELLS = (
    b"", b" ", b"nan", b"NaN", b"inf", b"-inf", b"1e400", b"-0", b"1e-400", b"1_0", b"\xd9\xa1", b"0x10",
    b"1,5", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"null", b"true", b"[]", b"{}", b"[[]]",
    b"[[],[1]]", b"[1,[2]]", b"[NaN]", b'{"a":NaN}', b'{"a":1,"a":2}', b'{"amber":1e308,"beige":1e308}',
    b'{"":1}', b"[null]", b'["a",null]', b"9" * 400, b"[" * 3000, b'{"a":' * 3000, b"r0", b"r1", b'"r0"',
    b"amber", b"Amber", b"=1+1", b"<b>", b"\xe2\x80\xa8", b"\x85", b"files/r0.wav", b"files/../x", b"files/",
    b"/etc/passwd", b'[["amber",0.9,4,8,2,1]]', b'[["amber",2,0,0,1,1]]', b'[["amber",0.9,0,0,1e308,1e308]]',
    b'[["amber",NaN,0,0,1,1]]', b'[{"label":"amber"}]', b"1" + b"0" * 5000, b"-1", b"1e308",
    b"[1e308,1e308,1e308]", b"[-1e308,1e308,0]", b"O", b"B-", b"-", b"I-PER I-PER", b"a" * 70_000,
)  # fmt: skip
_MARKS = (b",", b";", b"\t", b"\n", b"\r\n", b"\r", b'"', b'""', b"\xef\xbb\xbf", b"\x00", b"\\", b":", b"{", b"}")


def mutate(data: bytes, draws: random.Random, plain: Callable[[bytes], bytes] | None = None) -> bytes:
    """A changed input of `Target.run`: two bytes of choice, then a file.

    Args:
        plain: changes bytes without knowing what they are; default: a few at random.
    """
    plain = plain or (lambda found: _bytes(found, draws))
    if len(data) < 3:
        return bytes([draws.randrange(256), draws.randrange(8)]) + draws.randbytes(8)
    head, file = bytearray(data[:2]), data[2:]
    if draws.random() < 0.05:
        head[draws.randrange(2)] = draws.randrange(256)
    for _ in range(draws.choice((1, 1, 1, 2, 4))):
        file = _file(file, draws, plain)
    return bytes(head) + file


def _file(file: bytes, draws: random.Random, plain: Callable[[bytes], bytes]) -> bytes:
    if file.startswith(b"PK\x03\x04") and draws.random() < 0.8:
        return _zip(file, draws, plain)
    if file.startswith(b"PAR1") or draws.random() < 0.25:
        return plain(file)
    return draws.choice((_cell, _cell, _cell, _lines, _mark, _encoding, _repeat))(file, draws)


def _bytes(file: bytes, draws: random.Random) -> bytes:
    found = bytearray(file)
    for _ in range(draws.choice((1, 2, 8))):
        at = draws.randrange(len(found) + 1)
        kind = draws.randrange(4)
        if kind == 0:
            found[at:at] = draws.randbytes(draws.choice((1, 2, 4, 9)))
        elif kind == 1:
            del found[at : at + draws.choice((1, 2, 4, 40))]
        elif found:
            found[at % len(found)] = draws.choice((0, 1, 127, 128, 255, draws.randrange(256)))
    return bytes(found)


def _cell(file: bytes, draws: random.Random) -> bytes:
    """One cell of a line replaced, or a cell of JSON."""
    lines = file.split(b"\n")
    at = draws.randrange(len(lines))
    mark = draws.choice((b",", b"\t", b":", b" "))
    cells = lines[at].split(mark)
    cell = draws.choice(CELLS)
    if draws.random() < 0.3:
        cell = b'"' + cell.replace(b'"', b'""') + b'"'
    cells[draws.randrange(len(cells))] = cell
    lines[at] = mark.join(cells)
    return b"\n".join(lines)


def _lines(file: bytes, draws: random.Random) -> bytes:
    lines = file.split(b"\n")
    one, other = draws.randrange(len(lines)), draws.randrange(len(lines))
    kind = draws.randrange(5)
    if kind == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 1:
        lines[one] = lines[other]
    elif kind == 2:
        del lines[one]
    elif kind == 3:
        lines.insert(one, lines[other])
    else:
        lines = lines * draws.choice((2, 30))
    return b"\n".join(lines)


def _mark(file: bytes, draws: random.Random) -> bytes:
    if draws.random() < 0.5:
        return file.replace(draws.choice(_MARKS), draws.choice(_MARKS), draws.choice((1, 3, -1)))
    at = draws.randrange(len(file) + 1)
    return file[:at] + draws.choice(_MARKS) + file[at:]


def _encoding(file: bytes, draws: random.Random) -> bytes:
    text = file.decode("utf-8", "replace")
    return text.encode(
        draws.choice(("utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-32", "utf-7", "cp1252")), "replace"
    )


def _repeat(file: bytes, draws: random.Random) -> bytes:
    """Large: a piece many times."""
    at = draws.randrange(len(file) + 1)
    piece = file[at : at + draws.choice((1, 2, 20, 200))]
    return file[:at] + piece * draws.choice((2, 50, 3000)) + file[at:]


def _zip(file: bytes, draws: random.Random, plain: Callable[[bytes], bytes]) -> bytes:
    """Members changed, renamed, doubled, lied about; the archive written anew, so that its checksums are right."""
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            members = [(info.filename, archive.read(info), info.external_attr) for info in archive.infolist()[:40]]
    except Exception:
        return plain(file)
    if not members:
        return plain(file)
    at = draws.randrange(len(members))
    name, data, mode = members[at]
    kind = draws.randrange(8)
    if kind <= 3:
        data = _file(data, draws, plain)[: 1 << 18]
    elif kind == 4:
        name = draws.choice(
            ("predictions.csv", "predictions.parquet", "predictions.tsv", "manifest.json", "../x", "/x", "files/r0.wav",
             "files/../../x", "files\\r0.wav", "C:x", "x" * 300, ".hidden", "files/", "predictions.jsonl", "\ud800x")
        )  # fmt: skip
    elif kind == 5:
        mode = draws.choice((0o120777, 0o060666, 0o010644, 0o040755)) << 16
    elif kind == 6:
        members.append((draws.choice(("more", name, "manifest.json")), draws.choice((b"", b"{}", b"[1]", data)), mode))
    else:
        del members[at]
        at = -1
    if at >= 0:
        members[at] = (name, data, mode)
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(out, "w", draws.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for name, data, mode in members:
                info = zipfile.ZipInfo(name)
                info.external_attr, info.compress_type = mode, archive.compression
                archive.writestr(info, data)
    except (ValueError, UnicodeError, UserWarning):
        return plain(file)
    return _lie(out.getvalue(), draws) if draws.random() < 0.15 else out.getvalue()


def _lie(file: bytes, draws: random.Random) -> bytes:
    """A size, a flag or a method in the directory that is not true."""
    at = file.rfind(b"PK\x01\x02")
    if at < 0:
        return file
    place, form = draws.choice(((8, "<H"), (10, "<H"), (16, "<I"), (20, "<I"), (24, "<I"), (28, "<H"), (42, "<I")))
    value = draws.choice((0, 1, 9, 12, 14, 99, 0xFFFF, draws.randrange(1 << 16)))
    if form == "<I":
        value = draws.choice((value, 0xFFFFFFFF, draws.randrange(1 << 32)))
    return file[: at + place] + struct.pack(form, value) + file[at + place + struct.calcsize(form) :]

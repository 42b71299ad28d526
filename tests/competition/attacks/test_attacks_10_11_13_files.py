"""Attacks 10, 11, 13: files that grow when they are opened, that lead elsewhere, that wear a reader out."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import io
import os
import stat
import struct
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.competition.attacks.room import Arena

_MOST_RESIDENT_BYTES = 300 << 20
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


def family(pid: int) -> dict[int, str]:
    """A process and all that come of it: pid -> command line."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, new = {pid}, {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return {each: Path(f"/proc/{each}/cmdline").read_bytes().replace(b"\0", b" ").decode() for each in found}


def peaks(arena: Arena) -> dict[str, int]:
    """The largest resident size that each process of the server ever had, in bytes."""
    told = {}
    for pid, command in family(arena.pid).items():
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        told[f"{pid} {command[:80]}"] = int(lines["VmHWM"].split()[0]) << 10
    return told


def bomb(copies: int, says: int | None = None) -> bytes:
    """A zip whose predictions.csv is 16 MiB of noughts, so many times; `says` is the size in its head."""
    block = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = block.compress(b"0" * (16 << 20)) + block.flush(zlib.Z_FULL_FLUSH)
    packed = once * copies + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    size = copies * (16 << 20) if says is None else says
    name = b"predictions.csv"
    extra = struct.pack("<HHQQ", 1, 16, size, len(packed))
    common = struct.pack("<HHHHHIIIHH", 45, 0, 8, 0, 33, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra))
    local = b"PK\x03\x04" + common + name + extra
    central = b"PK\x01\x02" + struct.pack("<H", 45) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name + extra
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(packed), 0)
    return local + packed + central + end


def wide_parquet(folder: Path) -> bytes:
    """Twenty rows of 32 MiB each in some KiB."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT 'a' AS id, repeat('x', {32 << 20}) || range AS label FROM range(20)) TO "
            f"'{folder / 'wide.parquet'}' (COMPRESSION ZSTD)"
        )
    return (folder / "wide.parquet").read_bytes()


@linux
def test_attack_10_bombs_of_ten_gigabytes_are_refused_and_take_no_memory(winds, tmp_path):
    honest, lying = bomb(640), bomb(640, says=100)
    assert len(honest) < 12 << 20
    token = winds.entrant()
    for data, name, word in (
        (wide_parquet(tmp_path), "p.parquet", "unpacked"), (honest, "p.zip", "unpacked"), (honest, "p.csv", "unpacked"),
        (lying, "p.zip", ""),
        (gzip.compress(bytes(50 << 20)), "p.csv", ""), (gzip.compress(bytes(50 << 20)), "p.zip", ""),
    ):  # fmt: skip
        tail = b"" if name.endswith("parquet") else name.encode()  # the same file twice would be told by its digest
        sent = winds.send(token, data + tail, name)
        assert sent.status == 202, sent.body
        told = winds.result(token, sent.json["id"])
        assert told["state"] == "refused", told
        assert word in told["fault"]["error"]
    for kind in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "GZIP"):
        sent = winds.send(token, gzip.compress(bytes(10 << 20)), content_encoding=kind)
        assert (sent.status, sent.json["code"]) == (415, "wrong_type"), kind
    assert winds.told(token, winds.table(0.7, 600))["state"] == "scored"
    assert max(peaks(winds).values()) < _MOST_RESIDENT_BYTES, peaks(winds)


def patient(arena: Arena, token: str, body: bytes) -> int:
    """The status of a large file's acceptance, however long the queue."""
    connection = http.client.HTTPConnection("127.0.0.1", arena.port, timeout=300)
    head = {"authorization": f"Bearer {token}", "content-type": "text/csv"}
    connection.request("POST", f"/api/v1/events/{arena.event}/submissions?file_name=p.csv", body, head)
    with contextlib.closing(connection):
        return connection.getresponse().status


@linux
@pytest.mark.slow
def test_attack_10_many_large_files_at_once_take_no_memory_together(winds):
    """Eight files of 60 MiB that do not shrink."""
    tokens = [winds.entrant() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda token: patient(winds, token, os.urandom(60 << 20)), tokens))
    assert set(answers) == {202}
    web = {name: size for name, size in peaks(winds).items() if "competition.server" in name}
    print({name: f"{size >> 20} MiB" for name, size in web.items()})
    assert 0 < max(web.values()) < 2 * _MOST_RESIDENT_BYTES, web
    for token in tokens:
        (sent,) = winds.api("GET", "/submissions", token=token).json
        assert winds.result(token, sent["id"])["state"] == "refused"


def zipped(table: bytes, *members: tuple[str, int]) -> bytes:
    """A zip with a good table and members of the given names and kinds."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("predictions.csv", table)
        for name, kind in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = (kind | 0o777) << 16
            info.create_system = 3
            archive.writestr(info, b"/etc/passwd")
    return held.getvalue()


def tree(folder: Path) -> str:
    """Names, kinds and contents of all that is there, but for the database and the log."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if not path.name.startswith(("server.sqlite", "serve.log")) and "cache" not in path.parts:
            digest.update(f"{path.relative_to(folder)} {stat.S_IFMT(path.lstat().st_mode)}\n".encode())
            if path.is_file():
                digest.update(path.read_bytes())
    return digest.hexdigest()


HOSTILE = [
    ("../x", stat.S_IFREG), ("../../../../../../tmp/x", stat.S_IFREG), ("/tmp/x", stat.S_IFREG), ("a/../../x", 0),
    ("..\\x", 0), ("C:\\x", 0), ("c:/x", 0), ("link", stat.S_IFLNK), ("device", stat.S_IFCHR), ("disk", stat.S_IFBLK),
    ("pipe", stat.S_IFIFO), ("socket", stat.S_IFSOCK), ("files/../../x", stat.S_IFREG),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_attack_11_a_zip_that_leads_elsewhere_is_refused_and_nothing_is_written(winds, name, kind):
    before = tree(winds.folder)
    told = winds.told(winds.entrant(), zipped(winds.table(0.7), (name, kind)), "p.zip")
    assert told["state"] == "refused", told
    assert tree(winds.folder) == before
    assert not Path("/tmp/x").exists()


@pytest.mark.parametrize("name", ["../x.csv", "/etc/x.csv", "..\\..\\x.csv", "%2e%2e%2fx.csv", "a/b/c.csv",
                                  "~/.ssh/x.csv", "x.csv/../../y.csv", "CON.csv", "x.csv%00.zip"])  # fmt: skip
def test_attack_11_a_files_name_is_a_name_and_no_path(winds, name):
    before, token = tree(winds.folder), winds.entrant()
    sent = winds.api("POST", f"/submissions?file_name={name}".replace(" ", "%20"), winds.table(0.7, 3), token,
                     headers={"content-type": "text/csv"})  # fmt: skip
    told = winds.result(token, sent.json["id"])
    assert told["state"] == "scored", told
    assert not set("/\\\0~") & set(told["file_name"])
    assert tree(winds.folder) == before


def test_attack_11_a_zip_of_one_good_table_is_taken(winds):
    assert winds.told(winds.entrant(), zipped(winds.table(0.7)), "p.zip")["state"] == "scored"


MIB = 1 << 20
WEARING = {
    "one line": lambda _: b"id,label\n" + b"a" * (20 * MIB),
    "one line without a head": lambda _: b"a" * (20 * MIB),
    "a million columns": lambda _: b"id,label" + b",c" * 1_000_000 + b"\n",
    "a million columns in a row": lambda winds: winds.table().replace(b"zq7north", b"," * 1_000_000, 1),
    "an open quote": lambda winds: winds.table() + b'"' + b"a" * (20 * MIB),
    "quotes alone": lambda _: b'"' * (10 * MIB),
    "NUL": lambda _: b"\0" * (10 * MIB),
    "commas": lambda _: b"," * (10 * MIB),
    "line ends": lambda _: b"\n" * (10 * MIB),
    "returns": lambda _: b"id,label\r" + b"a,b\r" * MIB,
    "UTF-16 rubbish": lambda _: b"\xff\xfe" + b"\x00\xd8" * (5 * MIB),
    "surrogates": lambda _: b"id,label\n" + b"\xed\xa0\x80,\xed\xbf\xbf\n" * 1000,
    "overlong signs": lambda _: b"id,label\n" + b"\xc0\x80,\xf8\x88\x80\x80\x80\n" * 1000,
    "a Parquet that is none": lambda _: b"PAR1" + b"x" * MIB + b"\xff\xff\xff\x7fPAR1",
    "deep JSON": lambda _: b"[" * MIB,
    "deep JSON in rows": lambda winds: b'{"id": "x", "label": ' + b'{"a": ' * 100_000 + b"\n",
    "a number of a million digits": lambda _: b'{"id": ' + b"1" * 1_000_000 + b"}\n",
}


@pytest.mark.parametrize("what", WEARING)
def test_attack_13_a_file_that_wears_readers_out_is_refused_and_the_next_is_scored(winds, what):
    token, data = winds.entrant(), WEARING[what](winds)
    names = ("p.csv", "p.jsonl") if "JSON" in what or "digits" in what else ("p.csv",)
    for name in names:
        told = winds.told(token, data + name.encode(), name)
        assert (told["state"], told["fault"]["code"]) == ("refused", "bad_file"), told
        assert len(told["fault"]["error"]) < 400
    assert winds.told(token, winds.table(0.7, 700))["state"] == "scored"


def test_attack_13_a_line_of_a_hundred_megabytes_is_too_large(winds):
    sent = winds.send(winds.entrant(), b"x", content_length=str(100_000_000))
    assert (sent.status, sent.json["code"]) == (413, "too_large")

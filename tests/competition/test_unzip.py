"""Archives from elsewhere: what leads outside, is a link, is there twice, lies about its size or is a bomb."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from deepdojo.competition.unzip import unzip
from deepdojo.errors import DojoError


def archive(path: Path, *members: tuple[str, bytes, int]) -> Path:
    """(name, content, mode and kind)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, data)
    return path


def unpacked(path: Path, tmp_path: Path) -> int:
    (tmp_path / "in").mkdir()
    return unzip(path, tmp_path / "in")


def test_plain_files_come_out(tmp_path: Path) -> None:
    made = archive(
        tmp_path / "a.zip", ("a.csv", b"id\n", 0o100644), ("files/", b"", 0o40755), ("files/b", b"\0" * 9, 0)
    )
    assert unpacked(made, tmp_path) == 3
    assert (tmp_path / "in" / "a.csv").read_bytes() == b"id\n"
    assert (tmp_path / "in" / "files" / "b").read_bytes() == bytes(9)


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "C:x", "a\\..\\x", "a\nb", "x" * 300, "..", "a/..", "\x1b[2J"]
)
def test_a_path_that_leads_outside_or_is_strange_is_refused(tmp_path: Path, name: str) -> None:
    made = archive(tmp_path / "a.zip", ("ok.csv", b"id\n", 0), (name, b"x", 0))
    with pytest.raises(DojoError) as caught:
        unpacked(made, tmp_path)
    assert "\n" not in str(caught.value)
    assert {p.name for p in tmp_path.rglob("*")} <= {"a.zip", "in", "ok.csv"}


@pytest.mark.parametrize("kind", [0o120777, 0o20666, 0o10644, 0o60660])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    made = archive(tmp_path / "a.zip", ("link", b"/etc/passwd", kind))
    with pytest.raises(DojoError, match="link or a device"):
        unpacked(made, tmp_path)
    assert not list((tmp_path / "in").iterdir())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused_also_in_capitals(tmp_path: Path) -> None:
    for k, names in enumerate((("a", "a"), ("a", "A"))):
        (tmp_path / str(k)).mkdir()
        made = archive(tmp_path / str(k) / "a.zip", *((name, b"x", 0) for name in names))
        with pytest.raises(DojoError, match="twice"):
            unpacked(made, tmp_path / str(k))


def test_a_bomb_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", bytes(1 << 20))
    data = bytearray(inner.getvalue())
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 0xFFFFFFF0)  # the size that the archive says it has
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DojoError, match="would unpack to"):
        unpacked(tmp_path / "a.zip", tmp_path)
    assert not list((tmp_path / "in").iterdir())


def test_an_archive_that_says_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    made = archive(tmp_path / "a.zip", ("zeros", bytes(1 << 20), 0))
    data = bytearray(made.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 10)
    made.write_bytes(data)
    with pytest.raises(DojoError):
        unpacked(made, tmp_path)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no zip at all", b"PK\x05\x06" + bytes(10)])
def test_what_is_no_zip_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DojoError, match="damaged"):
        unpacked(tmp_path / "a.zip", tmp_path)


def test_a_damaged_member_is_one_sentence(tmp_path: Path) -> None:
    made = archive(tmp_path / "a.zip", ("a", bytes(range(256)) * 40, 0))
    data = bytearray(made.read_bytes())
    data[60] ^= 0xFF
    made.write_bytes(data)
    with pytest.raises(DojoError, match="damaged"):
        unpacked(made, tmp_path)

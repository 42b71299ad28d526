"""Names, patterns, archives and digests."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deepdojo.data.files import Files, Media, content_sha256, is_system_file, printable
from deepdojo.data.globs import glob_regex
from deepdojo.errors import DataError, SourceError

NAMES = ["cat/a 1.jpg", "cat/图.JPG", "dog/b.png", "dog/deep/c.png", "readme.txt"]
SYSTEM = [".DS_Store", "cat/.DS_Store", "dog/Thumbs.db", "__MACOSX/cat/._a 1.jpg", ".git/x.png", "desktop.ini"]


def fill(folder):
    for name in (*NAMES, *SYSTEM):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return Files([folder])


def zipped(path, names=(*NAMES, *SYSTEM)):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name.encode())


def tarred(path, names):
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name.encode())
            archive.addfile(info, io.BytesIO(name.encode()))


def test_patterns(tmp_path):
    files = fill(tmp_path)
    assert files.glob("*/*.jpg") == ["cat/a 1.jpg", "cat/图.JPG"]
    assert files.glob("**/*.png") == ["dog/b.png", "dog/deep/c.png"]
    assert files.glob("**/*.{jpg,png}") == sorted(n for n in NAMES if not n.endswith("txt"))
    assert files.glob("dog/**") == ["dog/b.png", "dog/deep/c.png"]
    assert files.glob("?og/b.*") == ["dog/b.png"]
    assert files.glob("**/*") == sorted(NAMES)
    assert files.left_out == set(SYSTEM)


@settings(max_examples=200, deadline=None)
@given(st.text("ab*?[]!-.", max_size=6), st.text("ab.-", max_size=6))
@example("?[.?]", "a.")  # within brackets a question mark is an ordinary sign
def test_a_pattern_without_folders_means_what_fnmatch_means(pattern, name):
    if pattern == "**" or not name:
        return
    wanted = fnmatchcase(name.lower(), pattern.lower())
    assert bool(glob_regex(pattern).match(name)) == wanted


def test_system_files():
    assert all(map(is_system_file, [*SYSTEM, "a.zip!__MACOSX/x", "x/THUMBS.DB"]))
    assert not any(map(is_system_file, [*NAMES, "a.zip!b/c.png", "./a.png", "thumbs.db.png"]))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_archives_read_like_folders(tmp_path, pack):
    name = "a.zip" if pack is zipped else "a.tar.gz"
    pack(tmp_path / name, [*NAMES, *SYSTEM])
    files = Files([tmp_path])
    assert files.glob(f"{name}!**/*.{{jpg,png}}") == sorted(f"{name}!{n}" for n in NAMES if not n.endswith("txt"))
    assert files.bytes(f"{name}!cat/图.JPG") == "cat/图.JPG".encode()
    assert files.has(f"{name}!dog/b.png")
    assert not files.has(f"{name}!dog/x.png")
    with pytest.raises(SourceError, match="no member"):
        files.expand(f"{name}!dog/x.png")


def test_packing_does_not_count(tmp_path):
    zipped(tmp_path / "a.zip")
    tarred(tmp_path / "b.tar.gz", reversed(NAMES))
    digests = []
    for name in ("a.zip", "b.tar.gz"):
        files = Files([tmp_path])
        files.glob(f"{name}!**/*")
        digests.append(files.digests()[name])
        assert content_sha256(tmp_path / name, name) == digests[-1]
    assert digests[0] == digests[1]
    zipped(tmp_path / "c.zip", NAMES[1:])
    assert content_sha256(tmp_path / "c.zip", "c.zip") != digests[0]


@pytest.mark.parametrize("evil", ["../evil.txt", "/etc/evil", "a/../../evil", "C:\\evil.txt", "..\\evil.txt"])
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_members_that_lead_out_are_refused(tmp_path, evil, pack):
    name = "a.zip" if pack is zipped else "a.tar.gz"
    pack(tmp_path / name, [evil])
    with pytest.raises(SourceError, match="leads out of it"):
        Files([tmp_path]).glob(f"{name}!**/*")
    assert not (tmp_path.parent / "evil.txt").exists()


def test_links_in_a_tar_are_not_followed(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("x.txt")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(info)
    assert Files([tmp_path]).glob("a.tar!**/*") == []


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/hostname", "a/../../secret.txt", "x\0y", "n" * 5000, ""])
def test_names_in_cells_do_not_lead_out(tmp_path, name):
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "in").mkdir()
    assert not Files([tmp_path / "in"]).has(name)


def test_broken_archives_and_gzip(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\3\4 no archive")
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(b"x" * 2000)[:100])
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(bytes(range(256)) * 500)[:-20])
    (tmp_path / "d.bin").write_bytes(b"1234")
    files = Files([tmp_path])
    for name in ("a.zip", "b.tar.gz", "d.bin"):
        with pytest.raises(SourceError, match=r"broken|no archive"):
            files.glob(f"{name}!*")
    with pytest.raises(DataError, match="compressed file is broken"):
        files.bytes("c.txt.gz")


def test_media_are_read_late_and_say_so_when_gone(tmp_path):
    (tmp_path / "x.png").write_bytes(b"1")
    media = Media.of(tmp_path / "x.png")
    assert media.read() == b"1"
    (tmp_path / "x.png").unlink()
    with pytest.raises(DataError, match=r"x.png: cannot be read"):
        media.read()


def test_names_that_are_no_utf8_are_printable():
    assert printable("a\udce9.png") == "a\\udce9.png"


def test_a_small_compressed_file_is_unpacked_once_and_again_when_it_changes(tmp_path, monkeypatch):
    files, path = Files([tmp_path]), tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"one"))
    opened = []
    unpack = gzip.GzipFile
    monkeypatch.setattr(gzip, "GzipFile", lambda **given: opened.append(1) or unpack(**given))
    assert [files.bytes("a.txt.gz"), files.bytes("a.txt.gz")] == [b"one", b"one"]
    assert len(opened) == 1
    path.write_bytes(gzip.compress(b"another"))
    assert files.bytes("a.txt.gz") == b"another"
    monkeypatch.setattr("deepdojo.data.files.KEPT_BYTES", 200)
    path.write_bytes(gzip.compress(b"a" * 1000))
    assert [files.bytes("a.txt.gz"), files.bytes("a.txt.gz")] == [b"a" * 1000] * 2
    assert len(opened) == 5  # to see that it is large, then for each of the two
    monkeypatch.setattr("deepdojo.data.files.KEPT_BYTES", 3)
    path.write_bytes(gzip.compress(b"large"))
    assert files.bytes("a.txt.gz") == b"large"
    assert len(opened) == 6  # its size says it

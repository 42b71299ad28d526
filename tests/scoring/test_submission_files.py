"""Sounds and pictures in submissions: what is written reads back, and what is hostile or wrong is one sentence."""

from __future__ import annotations

import io
import stat
import zipfile

import numpy as np
import pytest
from PIL import Image

from deepdojo.contracts import Contract, contract_of
from deepdojo.data.sounds import encode_sound
from deepdojo.errors import ScoreError, UsageError
from deepdojo.scoring import submission_files
from deepdojo.scoring.submission import Manifest, Submission
from deepdojo.scoring.submission_files import write_submission
from deepdojo.tables import Table, check_cells, read_table, write_table

SPEECH = contract_of("speech-synthesis")
DRAWN = Contract(
    inputs={"text": "text"}, targets={"picture": "image"}, predictions={"picture": "image"}, metric="no such metric"
)


def tone(k: int) -> bytes:
    return encode_sound(0.3 * np.sin(np.arange(800) * (k + 1) / 20), 8000)


def png(k: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((4, 5), 40 * k, dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


TABLE = Table({"id": ["a", "b/../c", "A"], "audio": [tone(0), tone(1), tone(2)]})


@pytest.mark.parametrize(("contract", "make", "ending"), [(SPEECH, tone, ".wav"), (DRAWN, png, ".png")])
def test_what_is_written_reads_back(tmp_path, contract, make, ending):
    name = contract.answer
    table = Table({"id": ["a", "b/../c", "A", "é"], name: [make(k) for k in range(4)]})
    write_submission(tmp_path / "s.zip", table, contract.predictions, Manifest(who="ann"))
    found = Submission.read(tmp_path / "s.zip", contract)
    assert list(found.table.ids) == list(table.ids)
    assert list(found.table.columns[name]) == list(table.columns[name])
    assert found.manifest.who == "ann"
    with zipfile.ZipFile(tmp_path / "s.zip") as archive:
        files = [member for member in archive.namelist() if member.startswith("files/")]
    assert len({member.lower() for member in files}) == 4
    assert all(member.endswith(ending) and ".." not in member for member in files)


def test_the_same_predictions_are_the_same_bytes(tmp_path):
    for name in ("a.zip", "b.zip"):
        write_submission(tmp_path / name, TABLE, SPEECH.predictions)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_parquet_holds_the_bytes_and_texts_cannot(tmp_path):
    write_table(tmp_path / "p.parquet", TABLE, SPEECH.predictions)
    found = read_table(tmp_path / "p.parquet", SPEECH.predictions)
    assert list(found.columns["audio"]) == list(TABLE.columns["audio"])
    packed = zipped(tmp_path / "s.zip", **{"predictions.parquet": (tmp_path / "p.parquet").read_bytes()})
    assert list(Submission.read(packed, SPEECH).table.columns["audio"]) == list(TABLE.columns["audio"])
    for suffix in ("csv", "tsv", "jsonl"):
        with pytest.raises(UsageError, match=r"holds files.*\.zip or \.parquet"):
            write_table(tmp_path / f"p.{suffix}", TABLE, SPEECH.predictions)


def test_a_table_alone_that_names_files_is_told_where_to_put_them(tmp_path):
    (tmp_path / "p.csv").write_text("id,audio\na,files/a.wav\n")
    with pytest.raises(ScoreError, match=r"p.csv, line 2.*a table alone holds none.*give the zip"):
        check_cells(Submission.read(tmp_path / "p.csv", SPEECH).table, SPEECH.predictions)


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def csv_of(*paths: str) -> bytes:
    return ("id,audio\n" + "".join(f"{k},{path}\n" for k, path in enumerate(paths))).encode()


@pytest.mark.parametrize(
    ("table", "files", "sentence"),
    [
        (csv_of("files/a.wav"), {}, "names 1 files, and the zip has none"),
        (csv_of("files/a.wav", "files/b.wav"), {"files/a.wav": b"x"}, r"1 file is not in it \(files/b.wav\)"),
        (csv_of("files/a.wav"), {"files/a.wav": b"x", "files/b.wav": b"y"}, r"named by no row \(files/b.wav\)"),
        (csv_of("a.wav"), {"a.wav": b"x"}, "is no file under files/"),
        (csv_of("/etc/passwd"), {"files/a.wav": b"x"}, "is no file under files/"),
        (csv_of("files/../../x"), {"files/a.wav": b"x"}, "is no file under files/"),
        (csv_of("files\\a.wav"), {"files/a.wav": b"x"}, "is no file under files/"),
        (csv_of("files/a.wav"), {"files/../a.wav": b"x"}, "points outside the zip"),
        (csv_of(""), {"files/a.wav": b"x"}, "named by no row"),
    ],
)
def test_names_that_do_not_fit_the_files(tmp_path, table, files, sentence):
    with pytest.raises(ScoreError, match=sentence):
        Submission.read(zipped(tmp_path / "s.zip", **{"predictions.csv": table, **files}), SPEECH)


def test_an_empty_file_is_found_in_its_row(tmp_path):
    path = zipped(tmp_path / "s.zip", **{"predictions.csv": csv_of("files/a.wav"), "files/a.wav": b""})
    with pytest.raises(ScoreError, match="the file of the audio is empty"):
        check_cells(Submission.read(path, SPEECH).table, SPEECH.predictions)


def test_system_files_and_folders_do_no_harm_and_two_rows_may_share_a_file(tmp_path):
    members = {"predictions.csv": csv_of("files/a.wav", "files/a.wav"), "files/": b"", "files/a.wav": tone(0),
               "files/.DS_Store": b"x", "__MACOSX/files/._a.wav": b"x"}  # fmt: skip
    found = Submission.read(zipped(tmp_path / "s.zip", **members), SPEECH).table
    assert list(found.columns["audio"]) == [tone(0), tone(0)]


def test_links_and_doubled_members(tmp_path):
    info = zipfile.ZipInfo("files/a.wav")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("predictions.csv", csv_of("files/a.wav"))
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ScoreError, match="is a link"):
        Submission.read(tmp_path / "s.zip", SPEECH)
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("predictions.csv", csv_of("files/a.wav"))
        archive.writestr("files/a.wav", b"x")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("files/a.wav", b"y")
    with pytest.raises(ScoreError, match="stands twice in it"):
        Submission.read(tmp_path / "t.zip", SPEECH)


def test_too_large_and_too_many(tmp_path, monkeypatch):
    members = {"predictions.csv": csv_of("files/a.wav", "files/b.wav"), "files/a.wav": b"0" * (1 << 20),
               "files/b.wav": b"0" * (1 << 20)}  # fmt: skip
    path = zipped(tmp_path / "s.zip", **members)
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(submission_files, "LARGEST_IN_ALL_BYTES", 3 << 19)
    with pytest.raises(ScoreError, match="its files have more than 1 MiB unpacked"):
        Submission.read(path, SPEECH)
    monkeypatch.setattr(submission_files, "LARGEST_FILE_BYTES", 1 << 19)
    with pytest.raises(ScoreError, match=r"files/a\.wav has more than 0 MiB"):
        Submission.read(path, SPEECH)
    monkeypatch.setattr(submission_files, "MOST_FILES", 1)
    with pytest.raises(ScoreError, match="holds 2 files, more than 1"):
        Submission.read(path, SPEECH)


def test_a_damaged_file_is_a_sentence(tmp_path):
    path = zipped(tmp_path / "s.zip", **{"predictions.csv": csv_of("files/a.wav"), "files/a.wav": tone(3)})
    data = bytearray(path.read_bytes())
    at = data.index(b"files/a.wav") + 60
    data[at : at + 20] = b"\0" * 20
    path.write_bytes(data)
    with pytest.raises(ScoreError, match="not a zip file that can be read"):
        Submission.read(path, SPEECH)

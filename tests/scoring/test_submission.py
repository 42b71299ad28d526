"""Submissions: one table, perhaps in a zip, from somebody who may mean harm."""

from __future__ import annotations

import json
import stat
import zipfile

import pytest

from deepdojo.errors import DojoError, ScoreError, UnknownNameError
from deepdojo.scoring import submission
from deepdojo.scoring.submission import Manifest, Submission
from deepdojo.tables import Table, write_table

from .made import CLASSIFICATION

TABLE = Table({"id": ["a", "b"], "label": ["x", "y"], "probabilities": [{"x": 1.0}, {"x": 0.25, "y": 0.75}]})
CSV = b'id,label,probabilities\na,x,"{""x"": 1.0}"\nb,y,"{""x"": 0.25, ""y"": 0.75}"\n'


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_bare_and_zipped(tmp_path, suffix, packed):
    path = tmp_path / f"predictions.{suffix}"
    write_table(path, TABLE, CLASSIFICATION.predictions)
    if packed:
        path = zipped(tmp_path / "s.zip", **{path.name: path.read_bytes()})
    found = Submission.read(path, CLASSIFICATION)
    assert found.table.columns == TABLE.columns
    assert found.manifest == Manifest()


def test_manifest(tmp_path):
    told = {"who": "ann", "parameters": 12, "train_flops": 1e9, "data_share": 1, "replaced": {"Conv2d": 2}, "run": None}
    path = zipped(tmp_path / "s.zip", **{"predictions.csv": CSV, "manifest.json": json.dumps(told)})
    manifest = Submission.read(path, CLASSIFICATION).manifest
    assert (manifest.who, manifest.parameters, manifest.replaced, manifest.seconds) == ("ann", 12, {"Conv2d": 2}, None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[1]", "s.zip!manifest.json: is not a JSON object"),
        ("{", "s.zip!manifest.json: is not JSON"),
        ('{"parameters": "many"}', "parameters is 'many', which is not of its type"),
        ('{"parameters": true}', "parameters is 'True'"),
        ('{"paramters": 3}', "did you mean 'parameters'"),
    ],
)
def test_bad_manifests(tmp_path, text, sentence):
    path = zipped(tmp_path / "s.zip", **{"predictions.csv": CSV, "manifest.json": text})
    with pytest.raises((ScoreError, UnknownNameError), match=sentence):
        Submission.read(path, CLASSIFICATION)


@pytest.mark.parametrize("name", ["../predictions.csv", "/etc/x", "a/../../x", "C:\\x", "..\\x"])
def test_paths_that_leave_the_zip(tmp_path, name):
    path = zipped(tmp_path / "s.zip", **{"predictions.csv": CSV, name: b"x"})
    with pytest.raises(ScoreError, match="points outside the zip"):
        Submission.read(path, CLASSIFICATION)


def test_links(tmp_path):
    info = zipfile.ZipInfo("predictions.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ScoreError, match="is a link"):
        Submission.read(tmp_path / "s.zip", CLASSIFICATION)


@pytest.mark.parametrize(("members", "sentence"), [
    ({}, "no table in its root .*it holds: nothing.* put one predictions.csv"),
    ({"readme.txt": b"x"}, "no table in its root .*readme.txt.* put one predictions.csv"),
    ({"deep/predictions.csv": CSV}, r"in a folder \(deep/predictions.csv\).*without the folder"),
    ({"predictions.csv": CSV, "predictions.jsonl": b"x"}, "2 tables in its root .*leave in one alone"),
    ({"a.csv": CSV, "b.csv": CSV}, r"2 tables in its root \(a.csv, b.csv\).*name the one to be scored predictions.csv"),
])  # fmt: skip
def test_not_exactly_one_table(tmp_path, members, sentence):
    with pytest.raises(ScoreError, match=sentence):
        Submission.read(zipped(tmp_path / "s.zip", **members), CLASSIFICATION)


@pytest.mark.parametrize("more", [{}, {"deep/b.csv": b"x"}, {"__MACOSX/._mine.csv": b"x"}, {"._mine.csv": b"x"},
                                  {"manifest.json": b"{}"}])  # fmt: skip
def test_a_lone_table_may_have_any_name(tmp_path, more):
    found = Submission.read(zipped(tmp_path / "s.zip", **{"mine.csv": CSV, **more}), CLASSIFICATION)
    assert found.table.source == "s.zip!mine.csv"
    both = {"mine.csv": b"x", "predictions.csv": CSV}
    assert Submission.read(zipped(tmp_path / "t.zip", **both), CLASSIFICATION).table.source == "t.zip!predictions.csv"


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(submission, "LARGEST_BYTES", 1 << 20)
    monkeypatch.setattr(submission._content, "__defaults__", (1 << 20,))
    path = zipped(tmp_path / "s.zip", **{"predictions.csv": b"0" * (8 << 20)})
    assert path.stat().st_size < 20_000
    with pytest.raises(ScoreError, match="larger than 1 MiB unpacked"):
        Submission.read(path, CLASSIFICATION)
    plain = tmp_path / "p.csv"
    plain.write_bytes(b"0" * (2 << 20))
    with pytest.raises(ScoreError, match="larger than 1 MiB"):
        Submission.read(plain, CLASSIFICATION)


def test_broken_encrypted_and_missing(tmp_path):
    (tmp_path / "no.zip").write_bytes(b"not a zip")
    with pytest.raises(ScoreError, match="not a zip file that can be read"):
        Submission.read(tmp_path / "no.zip", CLASSIFICATION)
    with pytest.raises(ScoreError, match="does not exist"):
        Submission.read(tmp_path / "none.zip", CLASSIFICATION)
    data = bytearray(zipped(tmp_path / "s.zip", **{"predictions.csv": CSV}).read_bytes())
    flags = data.index(b"PK\x01\x02") + 8
    data[flags] |= 1  # "encrypted" in the directory and in the member's head
    data[6] |= 1
    (tmp_path / "locked.zip").write_bytes(data)
    with pytest.raises(ScoreError, match=r"not a zip file that can be read .*password"):
        Submission.read(tmp_path / "locked.zip", CLASSIFICATION)
    data = bytearray((tmp_path / "s.zip").read_bytes())
    data[50:60] = b"\0" * 10
    (tmp_path / "bad.zip").write_bytes(data)
    with pytest.raises(DojoError):
        Submission.read(tmp_path / "bad.zip", CLASSIFICATION)


def test_a_fault_inside_names_zip_and_line(tmp_path):
    path = zipped(tmp_path / "s.zip", **{"predictions.csv": b"id,label,probabilities\na,x,1\n"})
    with pytest.raises(ScoreError, match=r"s.zip!predictions.csv, line 2, column 'probabilities'"):
        Submission.read(path, CLASSIFICATION)


def test_only_the_judged_column(tmp_path):
    path = tmp_path / "p.csv"
    path.write_bytes(b"id,label\na,x\n")
    assert Submission.read(path, CLASSIFICATION, metric="accuracy").table.columns == {"id": ["a"], "label": ["x"]}
    with pytest.raises(ScoreError, match="'probabilities' is missing"):
        Submission.read(path, CLASSIFICATION, metric="log_loss")

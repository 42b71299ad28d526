"""Code submissions: what is unpacked, what is refused by content, what comes back and what the sender reads."""

from __future__ import annotations

import io
import os
import pickle
import stat
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepdojo.competition.sandbox.code import run_submission
from deepdojo.competition.sandbox.pickles import is_pickle
from deepdojo.competition.sandbox.unpack import SubmissionLimits, unpack
from deepdojo.competition.sandbox.words import tail
from deepdojo.errors import ScoreError

from .conftest import SMALL

PREDICT = """
import sys
from pathlib import Path
rows = Path(sys.argv[1], "rows.csv").read_text().split()
weight = Path("weights.txt").read_text()
Path(sys.argv[2]).write_text("id,label\\n" + "".join(f"{row},{weight}\\n" for row in rows))
"""


def zipped(path: Path, entries: dict[str, bytes | str], modes: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)
    return path


@pytest.fixture
def inputs(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    (folder / "rows.csv").write_text("a\nb\n")
    return folder


@pytest.mark.parametrize("form", ["zip", "zip of a folder", "folder"])
def test_submission_predicts_on_hidden_inputs(form, sandbox, inputs, tmp_path):
    below = "mine/" if form == "zip of a folder" else ""
    entries = {f"{below}predict.py": PREDICT, f"{below}weights.txt": "cat"}
    if form == "folder":
        source = tmp_path / "sent"
        source.mkdir()
        for name, text in entries.items():
            (source / name).write_text(text)
    else:
        source = zipped(tmp_path / "sent.zip", entries)
    ran = run_submission(sandbox, source, inputs, limits=SMALL)
    assert ran.table == b"id,label\na,cat\nb,cat\n"
    assert ran.kind == "code"


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("while True: pass", "it took longer than 1 s"),
        ("x = 1", "there is no table: it is missing"),
        ("import sys; open(sys.argv[2], 'w')", "the table is empty"),
        ("raise ValueError('no \\x1b[31msuch\\x1b[0m row \\u202e')", "code 1: .*ValueError: no such row"),
        ("import os, sys; os.symlink('/etc/shadow', sys.argv[2])", "there is no table: it is a symbolic link"),
        ("import socket; socket.create_connection(('127.0.0.1', 1))", "ended with exit code 1"),
    ],
)  # fmt: skip
def test_failed_submission_is_one_clean_sentence(program, sentence, sandbox, inputs, tmp_path):
    source = zipped(tmp_path / "sent.zip", {"predict.py": program})
    with pytest.raises(ScoreError, match=f"(?s){sentence}") as caught:
        run_submission(sandbox, source, inputs, limits=replace(SMALL, wall_s=1))
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_last_lines_can_be_kept_from_the_sender(sandbox, inputs, tmp_path):
    program = "import sys; sys.exit(open(sys.argv[1] + '/rows.csv').read())"
    source = zipped(tmp_path / "sent.zip", {"predict.py": program})
    with pytest.raises(ScoreError, match="exit code 1: a\nb"):
        run_submission(sandbox, source, inputs, limits=SMALL)
    with pytest.raises(ScoreError) as caught:
        run_submission(sandbox, source, inputs, limits=SMALL, show_stderr=False)
    assert caught.value.what == "ended with exit code 1"


class Marker:
    """What a pickle could do."""

    def __reduce__(self):
        return os.system, ("touch /tmp/deepdojo-pickle-was-opened",)


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def archive_of(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("weights.bin", pickle.dumps(Marker()), "is a pickle"),
        ("weights.txt", pickle.dumps(Marker(), protocol=0), "is a pickle"),
        ("weights.dat", pickle.dumps({"w": [1.0, 2.0]}), "is a pickle"),
        ("model.pth", b"anything", "has the ending of a pickle"),
        ("model.safetensors", archive_of("archive/data.pkl", pickle.dumps({})), "is an archive in which"),
        ("model.npz", archive_of("w.npy", npy(np.array([{}], dtype=object))), "numpy array of objects"),
        ("w.npy", npy(np.array([{}], dtype=object)), "is a numpy array of objects"),
        ("w.gz", __import__("gzip").compress(pickle.dumps(Marker()), mtime=0), "is a compressed pickle"),
        ("c.yaml", b"a: !!python/object/apply:os.system ['touch x']", "is YAML that makes Python objects"),
    ],
)
def test_files_that_run_code_when_opened_are_refused_by_content(name, content, sentence, tmp_path):
    source = zipped(tmp_path / "sent.zip", {"predict.py": PREDICT, name: content})
    with pytest.raises(ScoreError, match=f"{name}' .*{sentence}.*save weights as safetensors"):
        unpack(source, made(tmp_path))
    assert not Path("/tmp/deepdojo-pickle-was-opened").exists()


def test_plain_files_are_taken_whatever_their_bytes(tmp_path):
    from safetensors.numpy import save

    entries = {
        "predict.py": PREDICT, "a.safetensors": save({"w": np.ones(3)}), "b.npy": npy(np.ones(3)), "c.txt": "I1\n.",
        "d.bin": b"\x80\x02random", "e.json": "{}", "f.csv": "a,b\n", "g.yaml": "a: 1", "h.bin": b"",
        "k.txt": "(lp0\n.", "i.zip": archive_of("x.txt", b"x"), "j.gz": b"\x1f\x8bbroken",
    }  # fmt: skip
    folder = unpack(zipped(tmp_path / "sent.zip", entries), made(tmp_path))
    assert {path.name for path in folder.iterdir()} == set(entries)


def test_random_bytes_are_no_pickles():
    generator = np.random.default_rng(0)
    assert not any(is_pickle(generator.bytes(2000)) for _ in range(2000))


@pytest.mark.parametrize(
    ("entries", "modes", "sentence"),
    [
        ({"../x": "1"}, {}, "is no plain path inside the submission"),
        ({"a/../../x": "1"}, {}, "is no plain path"),
        ({"/etc/x": "1"}, {}, "is no plain path"),
        ({"C:\\x": "1"}, {}, "is no plain path"),
        ({"a\\..\\x": "1"}, {}, "is no plain path"),
        ({"a\x01b": "1"}, {}, "is no plain path"),
        ({"x" * 300: "1"}, {}, "is no plain path"),
        ({"link": "/etc/shadow"}, {"link": stat.S_IFLNK | 0o777}, "is a link or a device"),
        ({"fifo": ""}, {"fifo": stat.S_IFIFO | 0o644}, "is a link or a device"),
        ({"disk": ""}, {"disk": stat.S_IFBLK | 0o644}, "is a link or a device"),
        ({"A.txt": "1", "a.txt": "2"}, {}, "is there twice"),
        ({"a": "1", "a/b": "2"}, {}, "cannot be unpacked"),
        ({"bomb": bytes(3 << 20)}, {}, "'bomb' is larger than 2 MiB"),
        ({str(i): bytes(1 << 20) for i in range(6)}, {}, "all files together are larger than 4 MiB"),
        ({str(i): "" for i in range(40)}, {}, "holds more than 30 files"),
        ({"readme.txt": ""}, {}, "holds neither predict.py nor a run"),
    ],
)
def test_hostile_archives_are_refused_and_leave_nothing_outside(entries, modes, sentence, tmp_path):
    limits = SubmissionLimits(files=30, file_bytes=2 << 20, all_bytes=4 << 20)
    source = zipped(tmp_path / "sent.zip", entries, modes)
    target = made(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ScoreError, match=sentence):
        unpack(source, target, limits)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all", b"PK\x05\x06" + bytes(10)])
def test_what_is_no_zip_is_one_sentence(content, tmp_path):
    (tmp_path / "sent.zip").write_bytes(content)
    with pytest.raises(ScoreError, match=r"sent.zip: (is no zip|cannot be unpacked)"):
        unpack(tmp_path / "sent.zip", made(tmp_path))


def test_cut_or_changed_archives_never_give_a_traceback(tmp_path):
    whole = zipped(tmp_path / "whole.zip", {"predict.py": PREDICT * 40, "w.txt": "1" * 500}).read_bytes()
    generator = np.random.default_rng(0)
    for trial in range(300):
        changed = bytearray(whole)
        for place in generator.integers(len(whole), size=3):
            changed[place] = generator.integers(256)
        (tmp_path / "sent.zip").write_bytes(changed)
        target = tmp_path / f"out{trial}"
        target.mkdir()
        with suppress(ScoreError):
            unpack(tmp_path / "sent.zip", target)


def test_links_in_a_folder_are_refused(tmp_path):
    source = made(tmp_path, "sent")
    (source / "predict.py").write_text(PREDICT)
    (source / "weights").symlink_to("/etc")
    with pytest.raises(ScoreError, match="'weights' is a link or a device"):
        unpack(source, made(tmp_path))


def test_tail_keeps_the_last_lines_and_no_control_sign():
    printed = b"one\r\ntwo\x00\x07\n\n\x1b]0;title\x07three\n\x1b[2Jfour \xff\xe2\x80\xae\n"
    assert tail(printed) == "two\nthree\nfour \ufffd"
    assert tail(b"x" * 10_000, chars=9) == "x" * 9
    assert tail(b"") == ""


def made(tmp_path: Path, name: str = "out") -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


@pytest.mark.slow
def test_a_run_predicts_inside_as_it_does_outside(sandbox, tmp_path):
    import deepdojo as dd
    from deepdojo.competition.sandbox.code import CODE_LIMITS

    project = made(tmp_path, "flowers")
    generator = np.random.default_rng(0)
    points = generator.normal(size=(120, 2))
    lines = [f"{i},{x:.3f},{y:.3f},{'up' if x + y > 0 else 'down'}" for i, (x, y) in enumerate(points)]
    (project / "rows.csv").write_text("\n".join(["id,x,y,label", *lines]))
    dd.new(tmp_path / "made", project / "rows.csv", target="label")
    run = dd.train(str(tmp_path / "made"), runs=str(tmp_path / "runs"), budget=60.0)
    hidden = made(tmp_path, "hidden")
    (hidden / "test.csv").write_text("\n".join(["id,x,y", *(line.rpartition(",")[0] for line in lines[:20])]))
    (hidden / "project.toml").write_bytes((tmp_path / "made" / "project.toml").read_bytes())
    dd.predict(run.folder, hidden / "test.csv", tmp_path / "outside.csv")
    with zipfile.ZipFile(tmp_path / "run.zip", "w") as archive:
        for path in Path(run.folder).rglob("*"):
            archive.write(path, path.relative_to(run.folder))
    ran = run_submission(sandbox, tmp_path / "run.zip", hidden, rows="test.csv", limits=CODE_LIMITS)
    assert ran.kind == "run"
    assert ran.table == (tmp_path / "outside.csv").read_bytes()

"""Archives from elsewhere (data that a server hands out, backups): unpacked whole or refused, and nothing outside."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import pytest

from deepdojo.competition.unzip import unzip
from deepdojo.errors import DojoError
from tests.competition.fuzzing.hosted import host
from tests.competition.fuzzing.mutations import mutate


def test_a_changed_archive_is_unpacked_below_the_folder_or_refused(tmp_path: Path):
    seeds = [
        data
        for task, metric in (("speech-synthesis", "mel_distance"), ("translation", "bleu"))
        for ending, data in host(tmp_path / metric, task, metric).whole.items()
        if ending.endswith(".zip")
    ]
    draws, archive, refused = random.Random(3), tmp_path / "archive.zip", 0
    outside = tmp_path / "outside"
    outside.mkdir()
    for number in range(400):
        data = b"\0\0" + draws.choice(seeds)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # zipfile warns of doubled names as we write them
            for _ in range(draws.choice((1, 2))):
                data = mutate(data, draws)
        archive.write_bytes(data[2:])
        target = outside / f"{number}"
        target.mkdir()
        try:
            unzip(archive, target)
        except DojoError:
            refused += 1
        assert {path.name for path in outside.iterdir()} == {str(k) for k in range(number + 1)}
        assert not any(path.is_symlink() for path in target.rglob("*"))
    assert 50 < refused < 400


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + bytes(18), b"PK\x03\x04", b"x" * 1000])
def test_what_is_no_archive_is_refused_or_empty(tmp_path: Path, data: bytes):
    (tmp_path / "a.zip").write_bytes(data)
    (tmp_path / "to").mkdir()
    if data.startswith(b"PK\x05\x06"):
        assert unzip(tmp_path / "a.zip", tmp_path / "to") == 0
    else:
        with pytest.raises(DojoError):
            unzip(tmp_path / "a.zip", tmp_path / "to")

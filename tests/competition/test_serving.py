"""What `dojo serve` says before it serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepdojo.competition.serving import _places, serve_store
from deepdojo.errors import DojoError


def test_the_room_is_told_names_first_and_a_loopback_alone_where_nothing_else_answers() -> None:
    named = _places("0.0.0.0", 8000, ["gpu-box"], secure=True)
    assert named[0] == "https://gpu-box:8000"
    assert named[-1] == "https://127.0.0.1:8000"
    assert _places("127.0.0.1", 8000, ["room.example.org"], secure=False) == ["http://127.0.0.1:8000"]
    assert _places("::1", 8000, [], secure=False) == ["http://[::1]:8000"]


@pytest.mark.parametrize(
    "options",
    [{"port": 0}, {"port": 70_000}, {"workers": -1}, {"certificate": Path("c.pem")},
     {"certificate": Path("nowhere.pem"), "key": Path("nowhere.pem")}, {}],
)  # fmt: skip
def test_options_that_cannot_be_are_refused_before_anything_is_made(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(DojoError) as caught:
        serve_store(tmp_path / "none", **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "none").exists()


def test_a_certificate_that_does_not_fit_its_key_is_one_sentence(tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("-----BEGIN NOTHING-----\n")
    with pytest.raises(DojoError, match="certificate and key do not go together") as caught:
        serve_store(tmp_path / "none", certificate=tmp_path / "c.pem", key=tmp_path / "k.pem")
    assert "\n" not in str(caught.value)

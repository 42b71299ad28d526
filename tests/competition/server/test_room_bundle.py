"""Laptops without internet install from the server: real pip, a real server, a wheel made here."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from deepdojo.competition.bundle_facts import kept_back
from deepdojo.competition.database.engine import open_database
from deepdojo.competition.server.room_bundle import room_lines
from deepdojo.competition.server.supervisor import Supervisor
from deepdojo.competition.serving import serve_store
from deepdojo.errors import UsageError
from tests.competition.server.running import free_port


def a_wheel(folder: Path) -> Path:
    """A package of one file that is named as ours and needs nothing."""
    path = folder / "deepdojo-0.0.1-py3-none-any.whl"
    info = "deepdojo-0.0.1.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("deepdojo/__init__.py", "FROM_THE_ROOM = True\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: deepdojo\nVersion: 0.0.1\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def a_bundle(folder: Path) -> Path:
    """As `dojo bundle` writes it."""
    (folder / "wheels").mkdir(parents=True)
    (folder / "projects" / "tiny").mkdir(parents=True)
    (folder / "projects" / "tiny" / "rows.csv").write_text("id,x\n1,2\n")
    a_wheel(folder / "wheels")
    facts = {"platform": sys.platform, "python": "3.11", "extras": [], "projects": ["tiny"]}
    (folder / "bundle.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("offering")
    (folder / "events").mkdir()
    open_database(folder / "server.sqlite").close()
    supervisor = Supervisor(
        folder, host="127.0.0.1", port=free_port(), workers=0, bundle=a_bundle(folder / "stick"), say=lambda _: None
    )
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=supervisor.run, args=(stop, ready.set))
    thread.start()
    assert ready.wait(60)
    yield f"http://127.0.0.1:{supervisor.port}"
    stop.set()
    thread.join(30)


def read(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return bytes(answer.read())


def test_the_line_on_the_page_installs_from_this_server_alone(origin: str, tmp_path: Path) -> None:
    page = read(f"{origin}/install").decode()
    line = room_lines(origin, [])[0]
    assert line in page.replace("&amp;", "&").replace("&#34;", '"')
    assert "/install" in read(f"{origin}/").decode()
    words = shlex.split(line.partition("dojo/bin/pip ")[2])
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    environ |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--target", str(tmp_path), "--no-cache-dir"], env=environ,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "FROM_THE_ROOM" in (tmp_path / "deepdojo" / "__init__.py").read_text()


def test_projects_come_as_zips_and_nothing_else_of_the_folder(origin: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.zip").write_bytes(read(f"{origin}/install/projects/tiny.zip"))
    with zipfile.ZipFile(tmp_path / "tiny.zip") as archive:
        assert archive.namelist() == ["rows.csv"]
    for wrong in ("wheels/none.whl", "wheels/..%2Fbundle.json", "projects/..%2F..%2Fserver.sqlite.zip",
                  "projects/other.zip", "bundle.json"):  # fmt: skip
        with pytest.raises(urllib.error.HTTPError) as caught:
            read(f"{origin}/install/{wrong}")
        assert caught.value.code == 404, wrong
        caught.value.close()


def test_https_needs_no_trust_by_name_and_extras_are_quoted() -> None:
    assert room_lines("https://room:1", [])[0].endswith("https://room:1/install/wheels/ deepdojo")
    assert room_lines("http://room:1", ["video"])[1].endswith('--trusted-host room "deepdojo[video]"')


def test_what_is_no_bundle_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no bundle"):
        serve_store(tmp_path, bundle=tmp_path)


def an_event(store: Path, project: str, *, practice: bool) -> Path:
    """What a store holds of one, as far as a bundle is concerned."""
    private = store / "events" / "winds" / "private"
    private.mkdir(parents=True, exist_ok=True)
    (private / "rules.json").write_text(json.dumps({"rules": {"practice": practice}, "project": f"/at/{project}"}))
    (private / "solution.json").write_text(json.dumps({"project": project}))
    return store / "events"


def test_a_project_whose_answers_an_event_hides_is_not_offered_but_an_entrants_folder_is(tmp_path: Path):
    bundle = a_bundle(tmp_path / "stick")
    assert kept_back(bundle, an_event(tmp_path, "other", practice=False)) == []
    assert kept_back(bundle, an_event(tmp_path, "tiny", practice=True)) == []
    events = an_event(tmp_path, "tiny", practice=False)
    assert kept_back(bundle, events) == ["tiny"]
    (bundle / "projects" / "tiny" / "project.toml").write_text('name = "tiny"\n[data]\nwithheld = true\n')
    assert kept_back(bundle, events) == []
    (bundle / "projects" / "tiny").rename(bundle / "projects" / "renamed")
    (bundle / "projects" / "renamed" / "project.toml").write_text('name = "tiny"\n')
    facts = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps({**facts, "projects": ["renamed"]}))
    assert kept_back(bundle, events) == ["renamed"]


def test_the_server_gives_no_answers_away_of_an_event_hosted_after_it_started(
    origin: str, tmp_path_factory: pytest.TempPathFactory
):
    store = next(path.parent for path in tmp_path_factory.getbasetemp().glob("offering*/server.sqlite"))
    events = an_event(store, "tiny", practice=False)
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            read(f"{origin}/install/projects/tiny.zip")
        with refused.value as answer:
            assert answer.code == 404
        assert b"tiny" not in read(f"{origin}/install")
    finally:
        shutil.rmtree(events / "winds")
    assert read(f"{origin}/install/projects/tiny.zip")

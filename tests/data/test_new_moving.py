"""`dojo new` on class folders of videos and of skeletons: what is written, what is said, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.data.dataset import load_dataset
from deepdojo.data.new import create
from deepdojo.data.new_rows import load_rows
from deepdojo.errors import DataError, UsageError
from tests.data.made_videos import write_sound, write_video


def skeletons(folder, classes=("kick", "wave"), count=15, joints=6):
    rng = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for k in range(count):
            rows = rng.normal(size=((10 + k) * joints, 3))
            (folder / name / f"{k}.txt").write_text("\n".join(" ".join(f"{v:.3f}" for v in row) + " 1" for row in rows))
    return folder


def test_skeletons_in_class_folders_make_a_project_and_their_joints_are_counted(tmp_path) -> None:
    source = skeletons(tmp_path / "data")
    (source / "kick" / "cut.txt").write_text("1 2 3 1\n" * 7)
    (source / "wave" / "empty.txt").write_text("")
    project, said = create(tmp_path / "made", source)
    assert project.spec.task == "skeleton-classification"
    assert project.spec.data.joints == 6
    assert any("joints: 6" in sentence for sentence in said)
    assert any("from one person" in sentence and "split.group" in sentence for sentence in said)
    data = load_dataset(project)
    assert sum(len(data.rows(split)) for split in ("train", "validation", "test")) == 30
    assert {one.reason for one in data.rejected} == {
        "the file is empty", "7 lines make no whole number of frames of 6 joints",
    }  # fmt: skip
    for path, count in ((source / "kick", 15), (source / "kick" / "3.txt", 1)):
        rows, rejected = load_rows(project, path)
        assert len(rows) == count
        assert len(rejected) == (1 if path.is_dir() else 0)
        assert rows[0]["motion"].shape[1:] == (6, 3)


@pytest.mark.parametrize("place", ["", "skeleton3D"])
def test_skeletons_of_one_folder_are_told_apart_by_their_names_and_people_kept_whole(tmp_path, place) -> None:
    """As MSR Action3D lies: a list on top, and one folder of a01_s01_e01_skeleton3D.txt."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data" / place
    folder.mkdir(parents=True)
    for action in (1, 2):
        for person in range(1, 8):
            for example in (1, 2):
                rows = rng.normal(size=((9 + person) * 6, 3))
                text = "\n".join(" ".join(f"{v:.3f}" for v in row) + " 1" for row in rows)
                (folder / f"a{action:02d}_s{person:02d}_e{example:02d}_skeleton3D.txt").write_text(text)
    (tmp_path / "data" / "files_used.txt").write_text("a01_s01_e01\n")
    project, said = create(tmp_path / "made", tmp_path / "data")
    assert (project.spec.task, project.spec.data.joints) == ("skeleton-classification", 6)
    assert any("left out, as their names say no class: 1 (files_used.txt)" in sentence for sentence in said)
    data = load_dataset(project)
    parts = [{row["id"].split("_s")[1][:2] for row in data.rows(s)} for s in ("train", "validation", "test")]
    assert sum(len(data.rows(s)) for s in ("train", "validation", "test")) == 28
    assert not parts[0] & parts[2]
    assert not parts[0] & parts[1]
    assert {row["label"] for row in data.rows("train")} == {"a01", "a02"}


def test_videos_in_class_folders_make_a_project_and_what_is_none_is_listed(tmp_path) -> None:
    source = tmp_path / "data"
    for name, speed in (("fast", 9), ("slow", 1)):
        for k in range(8):
            write_video(source / name / f"{k}.mkv", [0, 40, 80 + 7 * k, 300], speed=speed)
    write_sound(source / "slow" / "sound.avi")
    (source / "slow" / "text.mp4").write_text("no video")
    project, said = create(tmp_path / "made", source)
    assert (project.spec.task, project.spec.columns["clip"]) == ("video-classification", "file")
    assert any("from one source video" in sentence for sentence in said)
    data = load_dataset(project)
    assert sum(len(data.rows(split)) for split in ("train", "validation", "test")) == 16
    assert sorted(one.file for one in data.rejected) == ["slow/sound.avi", "slow/text.mp4"]
    rows, rejected = load_rows(project, source / "slow")
    assert (len(rows), len(rejected)) == (8, 2)


def test_a_source_in_the_files_names_becomes_the_group_of_the_split(tmp_path) -> None:
    """What `dojo new` says to do: a named group of data.pattern, and split.group."""
    source = tmp_path / "data"
    for name in ("kick", "wave"):
        for k in range(12):
            write_video(source / name / f"cam{k // 2}_{k}.mkv", [0, 40, 80], speed=1 + k)
    project, _ = create(tmp_path / "made", source)
    pattern = r"^(?P<label>[^/]+)/(?P<source>cam\d)"
    grouped = project.changed({"data.pattern": pattern, "split.group": "source", "split.stratify": False})
    data = load_dataset(grouped)
    parts = [{row["id"].split("/")[1][:4] for row in data.rows(s)} for s in ("train", "validation", "test")]
    assert not parts[0] & parts[2]
    assert not parts[0] & parts[1]


def test_what_cannot_be_a_project_is_refused(tmp_path) -> None:
    flat = tmp_path / "flat"
    write_video(flat / "a.mkv", [0, 40])
    with pytest.raises(DataError, match="lie in no class folders"):
        create(tmp_path / "one", flat)
    one = skeletons(tmp_path / "one_class", classes=("kick",))
    with pytest.raises(DataError, match="one class"):
        create(tmp_path / "two", tmp_path / "one_class")
    with pytest.raises(UsageError, match="--group names a column"):
        create(tmp_path / "three", one, group="person")
    with pytest.raises(UsageError, match="which video-classification cannot use"):
        create(tmp_path / "four", one, task="video-classification")
    odd = tmp_path / "odd"
    for name in ("a", "b"):
        (odd / name).mkdir(parents=True)
        for k in range(10):
            (odd / name / f"{k}.txt").write_text("1 2 3\n" * (101 + 2 * k))
    with pytest.raises(DataError, match="how many joints a frame has cannot be told"):
        create(tmp_path / "five", odd)


def test_a_table_beside_the_videos_gives_classes_and_keeps_clips_of_one_source_together(tmp_path) -> None:
    clips, lines = tmp_path / "clips", ["file,label,source"]
    for i in range(40):
        name = f"{'ab'[i % 2]}/{i}.mp4"
        (clips / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(clips / name, [0, 40, 80], speed=i)
        lines.append(f"{name},{'run' if i % 2 else 'walk'},film {i // 4}")
    (clips / "labels.csv").write_text("\n".join(lines) + "\n")
    (clips / "addresses.txt").write_text("https://example.org/1\nhttps://example.org/2\n")
    project, said = create(tmp_path / "project", clips)
    assert project.spec.task == "video-classification"
    assert project.spec.split.group == "source"
    assert any("source names 10 sources" in sentence for sentence in said)
    dataset = load_dataset(project)
    assert sorted({row["label"] for row in dataset.rows("train")}) == ["run", "walk"]
    assert not dataset.rejected


def test_a_bare_picture_is_named_by_its_file_where_pictures_are_their_own_ids(tmp_path) -> None:
    from deepdojo.data.files import Media

    (tmp_path / "dog.jpg").write_bytes(b"")
    assert str(Media("dog.jpg", lambda: b"")) == "dog.jpg"


def test_a_table_of_videos_is_a_project_of_videos(tmp_path):
    (tmp_path / "clips").mkdir()
    for i in range(30):
        (tmp_path / "clips" / f"{i}.mp4").write_bytes(bytes([i]) * 9)
    lines = [f"{i}.mp4,{'ab'[i % 2]}" for i in range(30)]
    (tmp_path / "v.csv").write_text("video,label\n" + "\n".join(lines) + "\n")
    import deepdojo as dd

    project, _ = dd.new(tmp_path / "p", tmp_path / "v.csv")
    assert project.spec.task == "video-classification"
    assert (project.spec.columns["clip"].column, project.spec.columns["clip"].file) == ("video", "clips/{}")

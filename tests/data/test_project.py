"""project.toml: what is refused, and with which sentence."""

from __future__ import annotations

import pytest

from deepdojo.data.project import (
    Project,
    ProjectSpec,
    builtin_names,
    builtin_projects,
    find_project,
    open_project,
    save_project,
)  # fmt: skip
from deepdojo.errors import ProjectError, UnknownNameError

TEXT = """
task = "text-classification"
[data]
file = "r.csv"
[columns]
text = "review"
label = "stars"
"""


def made(folder, text):
    (folder / "project.toml").write_text(text, encoding="utf-8")
    return open_project(folder)


def test_a_small_project(tmp_path):
    project = made(tmp_path, TEXT)
    assert project.name == tmp_path.name
    assert project.metric == "accuracy"
    assert project.reader == "csv"
    assert project.contract.inputs == {"text": "text"}
    assert len(project.digest) == 64
    assert not project.builtin


@pytest.mark.parametrize(
    ("old", "new", "guess"),
    [
        ("[data]", "[date]", "did you mean 'data'"),
        ("file =", "fiel =", "did you mean 'file'"),
        ("text-classification", "text-clasification", "did you mean 'text-classification'"),
        ('label = "stars"', 'lable = "stars"', "did you mean 'label'"),
        ("[data]", "[split]\nfractoin = {test = 0.2}\n[data]", "did you mean 'fraction'"),
        ("[data]", "[split]\nfraction = {tset = 0.2}\n[data]", "did you mean 'test'"),
        ("[data]", '[source.files."a.csv"]\nsha265 = "x"\n[data]', "did you mean 'sha256'"),
        ("[data]", '[data.split]\ntraining = {file = "a.csv"}\n[data]', "did you mean 'train'"),
        ("[data]", '[data]\nreader = "jsonk"', "did you mean 'jsonl'"),
        ("[data]", '[data]\npattern = "x"', "no option of the csv reader is named 'pattern'"),
        ("[data]", '[[published]]\nmodle = "x"\n[data]', "did you mean 'model'"),
    ],
)
def test_unknown_keys_get_the_nearest_name(tmp_path, old, new, guess):
    text = TEXT.replace("[data]\n", "", 1) if new.startswith("[data.split]") else TEXT
    text = TEXT.replace(old, new, 1) if "[data.split]" not in new else text.replace('file = "r.csv"', new, 1)
    with pytest.raises(UnknownNameError) as caught:
        made(tmp_path, text)
    assert guess in str(caught.value)
    assert "project.toml" in str(caught.value) or "task" in str(caught.value) or "reader" in str(caught.value)


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ("[split]\nfolds = 1", "split.folds"),
        ("[split]\nfolds = 5\nfold = 5", "numbered 0 to 4"),
        ("[split]\nfolds = 5\nfraction = {test = 0.2}", "the test part is given twice"),
        ("[split]\nfraction = {validation = 0.2}", "there is no test part"),
        ("[split]\nfraction = {test = 0.6, validation = 0.5}", "nothing is left to train on"),
        ('[split]\norder = "t"\ngroup = "g"', "goes with neither group"),
        ('[data.split]\ntest = {file = "t.csv"}', "no train part"),
        ('[source.files."r.csv"]\nurl = "https://e.org/r.csv"', "has a url but no sha256"),
        ('[source.files."r.csv"]\nsha256 = "123"', "source.files.r.csv.sha256"),
        ("[labels]\nnames = 3", "labels.names"),
        ("[columns.extra]\nx = 1", "columns.extra must be a name"),
    ],
)
def test_contradictions_and_wrong_values(tmp_path, extra, sentence):
    with pytest.raises((ProjectError, UnknownNameError)) as caught:
        made(tmp_path, f"{TEXT}\n{extra}\n")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a/b", "..", ".x", " x", "x\\\\y", ""])
def test_names_that_cannot_name_a_folder(tmp_path, name):
    with pytest.raises(ProjectError, match="cannot name a folder"):
        made(tmp_path, f'name = "{name}"\n{TEXT}')


def test_broken_toml_missing_task_and_other_encodings(tmp_path):
    with pytest.raises(ProjectError, match=r"no valid TOML.*line 1"):
        made(tmp_path, "name = x")
    with pytest.raises(ProjectError, match="task is missing"):
        made(tmp_path, 'name = "x"')
    (tmp_path / "project.toml").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert open_project(tmp_path).spec.data.file == "r.csv"
    (tmp_path / "project.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(ProjectError, match="not UTF-8"):
        open_project(tmp_path)


def test_changes_from_the_command_line(tmp_path):
    project = made(tmp_path, TEXT + "\n[split]\nfolds = 10\n")
    assert project.changed({"split.fold": 3}).spec.split.fold == 3
    assert project.spec.split.fold == 0
    with pytest.raises(ProjectError, match="numbered 0 to 9"):
        project.changed({"split.fold": 10})
    with pytest.raises(UnknownNameError, match="did you mean 'fold'"):
        project.changed({"split.fodl": 1})


def test_finding(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert find_project("digits").builtin  # a folder without project.toml does not hide a built-in project
    (tmp_path / "digits" / "project.toml").write_text(TEXT)
    assert not find_project("digits").builtin
    assert find_project(tmp_path / "digits" / "project.toml").folder == tmp_path / "digits"
    with pytest.raises(UnknownNameError, match="did you mean 'titanic'"):
        find_project("titanik")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError, match=r"holds no project.toml; make one with: dojo new empty"):
        find_project("empty")
    (tmp_path / "r.csv").write_text("a\n1\n")
    with pytest.raises(ProjectError, match="is a file, not a project"):
        find_project("r.csv")


def test_saving_checks_first(tmp_path):
    values = {"task": "text-classification", "data": {"file": "文 件.csv"}, "columns": {"text": "a", "label": "b"}}
    project = save_project(tmp_path / "new", values)
    assert project.spec.data.file == "文 件.csv"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["project.toml"]
    with pytest.raises(UnknownNameError):
        save_project(tmp_path / "bad", {**values, "tsak": 1})
    assert not (tmp_path / "bad").exists()


def test_own_recipes_go_before_stock_ones(tmp_path):
    project = made(tmp_path, TEXT)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "mine.toml").write_text("")
    assert project.recipes()["mine"] == tmp_path / "recipes" / "mine.toml"


def test_every_key_has_a_description_in_the_schema():
    schema = ProjectSpec.model_json_schema()
    models = {"ProjectSpec": schema, **schema["$defs"]}
    undescribed = [
        f"{m}.{k}" for m, d in models.items() for k, v in d["properties"].items() if not v.get("description")
    ]
    assert undescribed == []
    assert {"SourceSpec", "DataSpec", "SplitSpec", "LabelsSpec", "Published", "FilePin"} <= set(models)


def test_the_built_in_projects_say_what_a_reader_needs():
    projects = builtin_projects()
    assert [p.name for p in projects] == builtin_names()
    names = {"breast-cancer", "diabetes-progression", "digits", "fashion-mnist", "movie-reviews", "titanic"}
    assert names <= {p.name for p in projects}
    for project in projects:
        spec = project.spec
        assert isinstance(project, Project)
        assert project.folder.name == spec.name
        assert all([spec.title, spec.licence, spec.cite, spec.source.files, spec.rows, spec.source.origin])
        assert all(pin.sha256 for pin in spec.source.files.values())
        assert all(result.source for result in spec.published)
        beside = all(list(project.folder.glob(f"{name}*")) for name in spec.source.files)
        assert (spec.availability == "bundled") == (spec.source.dependency is not None or beside)
        if spec.availability == "open":
            assert all(pin.url for pin in spec.source.files.values())


@pytest.mark.parametrize(("repeats", "parted"), [("together", False), ("apart", True)])
def test_equal_inputs_are_parted_only_where_the_project_asks_for_it(tmp_path, repeats, parted):
    from deepdojo.data.dataset import load_dataset

    lines = [f"{i % 2},the same text {i // 2 % 20}" for i in range(80)]
    (tmp_path / "r.csv").write_text("label,text\n" + "\n".join(lines) + "\n", encoding="utf-8")
    text = f'task = "text-classification"\n[data]\nfile = "r.csv"\n[split]\nfolds = 4\nrepeats = "{repeats}"\n'
    data = load_dataset(made(tmp_path, text), offline=True)
    held_out = {row["text"] for row in data.rows("test")}
    assert bool(held_out & {row["text"] for row in data.rows("train")}) == parted


@pytest.mark.parametrize("name", builtin_names())
def test_every_built_in_project_says_what_it_is_what_to_learn_and_what_to_try(name):
    from deepdojo.cli.readme import SECTIONS, passages, read_readme

    readme = read_readme(find_project(name).folder)
    assert tuple(readme) == SECTIONS
    assert all(len(text) > 60 for text in readme.values())
    commands = [text for verbatim, text in passages(readme["What to try next"]) if verbatim]
    assert any(name in command.split() for command in commands)
    assert all(command.startswith("dojo ") for command in commands)
    assert any("\u4e00" <= sign <= "\u9fff" for sign in readme["中文"])

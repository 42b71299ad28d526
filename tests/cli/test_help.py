"""Help pages, and the frozen list of commands and options: a name that users type changes only on purpose."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from deepdojo.cli.app import COMMANDS, GROUPS, build_app, main
from deepdojo.cli.help import IN_CHINESE, chinese, command_options, example_parts
from deepdojo.cli.home import TEXTS
from deepdojo.learn.wrapping import columns

from .conftest import Dojo

FROZEN = {
    "learn": "WHAT WHICH --from --give-up --json --lang --no-grade --output --port --seed --trust --web -o",
    "grade": "FILE --json --lang --lesson --lessons --seed --trace --trust",
    "lessons": "VERB NAMES --json --lessons --seeds",
    "new": "FOLDER --copy --from --group --id --json --metric --offline --target --task --test --time --yes",
    "check": "PROJECT --budget --json --language --look --offline --open --output --recipe --trust -o -r",
    "train": "PROJECT --all --budget --find-lr --folds --from --json --no-baselines --no-explain --offline --recipe "
    "--refit --resume --runs --search --seed --seeds --set --share --trust --validation-only --with --yes -r",
    "curve": "PROJECT --budget --json --language --no-baselines --offline --recipe --runs --seed --seeds --set "
    "--shares --trust --yes -r",
    "predict": "RUN ROWS --count --json --output --prompt --seed --temperature --top-k --top-p --trust -o",
    "explain": "RUN --json --offline --trust --with",
    "errors": "RUN --json --n --offline --output --suspect-labels --trust -o",
    "export": "RUN --json --offline --output --to --trust -o",
    "report": "RUN --json --language --open",
    "reproduce": "RUN --json --offline --trust",
    "board": "PROJECT --choose --final --html --json --language --mine --runs --watch",
    "compare": "RUN OTHER --json --project --runs",
    "runs": "PROJECT --all --json --runs --sort --state --watch",
    "score": "PROJECT PREDICTIONS --json --offline --trust",
    "host": "PROJECT VERB ARGUMENT --anyway --apply --cancel --code --db --description --freeze-at --json --largest "
    "--lesson --name --offline --per-day --port --practice --preview --project --public --reason --role --run-memory "
    "--run-time --show-output --starts --store --team-size --title --trust --until --yes",
    "serve": "--bundle --certificate --db --host --key --name --port --scoring-only --store --workers",
    "join": "LINK FOLDER --as --invite --json --token",
    "submit": "WHAT ADDRESS --flops --json --note --parameters --seconds --wait",
    "bundle": "FOLDER PROJECTS --json --offline --store --yes",
    "list": "KIND --json",
    "show": "NAME --json --kind",
    "schema": "KIND",
    "doctor": "--json",
}


def test_commands_and_options_are_frozen() -> None:
    found = {}
    for name in COMMANDS:
        arguments = command_options(name)
        positional = [a.field_info.name.upper() for a in arguments if a.index is not None]
        named = sorted(n for a in arguments if a.index is None for n in a.names)
        found[name] = " ".join(positional + named)
    assert found == FROZEN


@pytest.mark.parametrize("name", COMMANDS)
def test_summary_is_the_docstrings_first_line(name: str) -> None:
    function = build_app()[name].default_command
    assert inspect.cleandoc(function.__doc__ or "").split("\n")[0] == COMMANDS[name].summary
    assert COMMANDS[name].group in GROUPS


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_three_examples_and_fits_80_columns(dojo: Dojo, name: str) -> None:
    said = dojo(name, "--help")
    assert said.code == 0
    assert said.err == ""
    assert max(map(len, said.out.splitlines())) <= 80
    assert sum("dojo " + name in line for line in said.out.splitlines()[1:]) >= 3
    for option in FROZEN[name].split():
        assert option in said.out


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("help",)])
def test_top_help_lists_every_command_once_under_its_head(dojo: Dojo, args: tuple[str, ...]) -> None:
    said = dojo(*args)
    lines = said.out.splitlines()
    assert said.code == 0
    assert max(map(len, lines)) <= 80
    for name, command in COMMANDS.items():
        assert sum(line.startswith(f"  {name} ") for line in lines) == 1
        assert command.group in lines
    assert not any(head in lines for head in GROUPS if head not in {c.group for c in COMMANDS.values()})
    assert len(COMMANDS) < 30


def test_every_option_is_described() -> None:
    for name in COMMANDS:
        for argument in command_options(name):
            assert argument.parameter.help, (name, argument.names)


def test_defaults_are_shown(dojo: Dojo) -> None:
    text = " ".join(dojo("train", "--help").out.split())
    assert "the same seed gives the same run (default: 0)." in text
    assert "(default: 1.0)" in text


def test_version(dojo: Dojo) -> None:
    from deepdojo import __version__

    assert dojo("--version").out == f"deepdojo {__version__}\n"


def test_help_of_an_unknown_command(dojo: Dojo) -> None:
    said = dojo("help", "trian")
    assert said.code == 2
    assert "did you mean 'train'?" in said.err


def test_the_learners_commands_have_their_help_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    """Each text that the help shows has its Chinese one, and there is none for a text that is gone."""
    shown: set[str] = {"default: {}", *TEXTS}
    for name in IN_CHINESE:
        summary, _, rest = inspect.cleandoc(build_app()[name].default_command.__doc__ or "").partition("\n\n")
        shown |= {summary, *(example_parts(line)[2] for line in rest.splitlines())} - {""}
        for argument in command_options(name):
            shown |= {argument.parameter.help, *(group.name for group in argument.parameter.group)}
    assert set(chinese()) == shown
    assert main(["learn", "--help", "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "动手写来学" in said
    assert all(columns(line) <= 80 for line in said.splitlines())
    assert main(["help", "learn", "--lang=en"]) == 0
    assert "Learn by writing it" in capsys.readouterr().out


def test_bare_dojo_speaks_the_locales_language_where_no_run_is_told_of(
    dojo: Dojo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    empty = dojo().out
    assert "DeepDojo：在动手中学好深度学习" in empty
    assert "下一步：dojo train digits" in empty
    assert "Next" not in empty
    (tmp_path / "project.toml").write_text('name = "a"\n')
    assert "全部命令" not in dojo().out
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    (tmp_path / "project.toml").unlink()
    assert "Next: dojo train digits   a first model in seconds, offline" in dojo().out

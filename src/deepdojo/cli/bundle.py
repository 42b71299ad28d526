"""`dojo bundle`: all that a laptop without a network needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from deepdojo.cli.options import Json, Offline, option
from deepdojo.cli.output import err, next_step, out, print_json
from deepdojo.cli.words import plural

__all__ = ["bundle"]


def bundle(
    folder: Annotated[Path, option("A folder that is made.", "Arguments")],
    /,
    *projects: Annotated[str, option("Projects to take along, with their data.", "Arguments")],
    yes: Annotated[bool, option("Download more than 100 MB of data without asking.", "Data")] = False,
    store: Annotated[Path, option("A server whose answers must not travel.", "Data")] = Path("dojo-server"),
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Take DeepDojo and projects to where no network is.

    dojo bundle stick                    wheels for this kind of computer
    dojo bundle stick titanic reviews/   and these projects, with their data
    dojo bundle stick digits --json      what it holds, and how to install
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    listener = TerminalListener()
    try:
        made = api.bundle(folder, projects, offline=offline, yes=yes, store=store, listener=listener)
    finally:
        listener.finish()
    if json:
        print_json(made)
        return
    for note in made["notes"]:
        err(f"note: {note}")
    size = made["bytes"] / 1e6
    out(f"{made['folder']}: {plural(len(made['wheels']), 'wheel')}, {plural(len(made['projects']), 'project')}, "
        f"{size:,.0f} MB")  # fmt: skip
    out("Where the folder has been carried to, beside it:")
    out(f"  {made['install']}")
    out(f"Windows: {made['install_windows']}")
    if made["projects"]:
        next_step(f"dojo/bin/dojo train {folder.name}/projects/{made['projects'][0]} --offline", "there")

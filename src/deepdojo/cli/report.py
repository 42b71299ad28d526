"""`dojo report`: the page of a run."""

from __future__ import annotations

from typing import Annotated

from deepdojo.cli.options import Json, Language, RunName, option
from deepdojo.cli.output import err, next_step, out, print_json, quoted

__all__ = ["report"]


def report(
    run: RunName,
    /,
    *,
    open: Annotated[bool, option("Open the page in the browser.", "Output", name="--open")] = False,
    language: Language = "en",
    json: Json = False,
) -> None:
    """Write the page that tells all about a run.

    dojo report last --open           write it and look at it
    dojo report 2026-11-24-0640-cnn   a run by the beginning of its id
    dojo report runs/digits/ID        a run by its folder
    """
    from deepdojo import api

    path = api.report(run, language=language)
    if json:
        print_json({"report": str(path)})
    else:
        out(str(path))
    if open:
        import webbrowser

        if not webbrowser.open(path.absolute().as_uri()):
            err("no browser could be started here; open the file by hand")
    elif not json:
        next_step(f"dojo report {quoted(run)} --open")

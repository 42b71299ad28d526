"""`dojo new`: a project from somebody's own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from deepdojo.cli.options import Json, Offline, Yes, option
from deepdojo.cli.output import next_step, out, point, print_json, quoted
from deepdojo.errors import UsageError

__all__ = ["new"]


def new(
    folder: Annotated[Path, option("Folder to make; its name is the project's name.", "Arguments")],
    /,
    *,
    source: Annotated[
        str | None,
        option(
            "A CSV, TSV, JSONL or Parquet file, a folder of images or sounds, a text, hf:owner/name.",
            "Data",
            name="--from",
        ),
    ] = None,
    test: Annotated[Path | None, option("A file of held-out rows, where they are given.", "Data")] = None,
    target: Annotated[str | None, option("Column to predict.", "Columns")] = None,
    id: Annotated[str | None, option("Column that names each row; default: numbers.", "Columns")] = None,
    group: Annotated[str | None, option("Column whose equal values stay on one side of the split.", "Columns")] = None,
    time: Annotated[str | None, option("Column to split by: the past trains, the future tests.", "Columns")] = None,
    task: Annotated[str | None, option("The task, where guessing it from the data is wrong.", "Problem")] = None,
    metric: Annotated[str | None, option("The metric; default: by task and classes.", "Problem")] = None,
    copy: Annotated[bool, option("Take the data along into the folder.", "Data")] = False,
    offline: Offline = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Make a project from your own data: one project.toml.

    dojo new reviews --from reviews.csv --target label
    dojo new birds --from pictures/           one subfolder a class
    dojo new cells --from cells/              pictures with VOC or COCO boxes
    dojo new sales --from sales.csv --target price --time date
    dojo new dickens --from books/ --task language-modelling
    dojo new english --from pairs/ --task translation     train.de, train.en
    dojo new news --from hf:owner/name@main --target label      from the hub
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    if source is None:
        raise UsageError("the data are missing", where="dojo new", todo=f"dojo new {folder} --from FILE_OR_FOLDER")
    given = {"target": target, "id": id, "group": group, "time": time, "task": task, "metric": metric, "test": test}
    listener = TerminalListener()
    try:
        project, said = api.new(
            folder,
            source if source.startswith("hf:") else Path(source),
            copy=copy,
            progress=listener.progress,
            offline=offline,
            yes=yes,
            **given,
        )
    finally:
        listener.finish()
    if json:
        print_json({"name": project.name, "folder": str(project.folder), "task": project.spec.task,
                    "metric": project.spec.metric, "said": said})  # fmt: skip
        return
    out(f"{project.name} · {project.spec.task} · {Path(project.folder) / 'project.toml'}")
    for sentence in said:
        point(sentence)
    next_step(f"dojo check {quoted(folder)}", "what is wrong with the data")

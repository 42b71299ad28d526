"""`dojo schema`: what editors need to check and complete project.toml and recipes."""

from __future__ import annotations

from typing import Annotated, Any

from deepdojo.cli.options import option
from deepdojo.cli.output import print_json
from deepdojo.errors import UnknownNameError

__all__ = ["schema"]


def schema(kind: Annotated[str, option("project or recipe.", "Arguments")], /) -> None:
    """Print the JSON schema of a project or recipe file.

    dojo schema project                     every key of project.toml
    dojo schema recipe                      every key of a recipe
    dojo schema project > project.schema.json
    """
    if kind == "project":
        from deepdojo.data.project import ProjectSpec

        found: Any = ProjectSpec
    elif kind == "recipe":
        from deepdojo.recipes import Recipe

        found = Recipe
    else:
        raise UnknownNameError("schema", kind, ("project", "recipe"), where="dojo schema")
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **found.model_json_schema()})

"""Whether a project's answers can be had by anybody: a contest on them would reward who looks them up."""

from __future__ import annotations

from deepdojo.data.project import Project
from deepdojo.errors import ProjectError

__all__ = ["public_because", "refuse_public"]


def public_because(project: Project) -> str | None:
    """Why the data are public, one clause; None where nothing says so."""
    spec = project.spec
    if project.builtin:
        return "it is built in"
    if spec.availability != "own":
        return f"project.toml says that its data are {spec.availability}"
    if spec.source.hub is not None:
        return f"its data come from the hub ({spec.source.hub})"
    if spec.source.dependency is not None:
        return f"its data come with a package ({spec.source.dependency})"
    if spec.source.mirror is not None:
        return f"its data are those of the mirror folder {spec.source.mirror}"
    url = next((pin.url for pin in spec.source.files.values() if pin.url is not None), None)
    return None if url is None else f"its data come from {url}"


def refuse_public(project: Project, *, practice: bool) -> None:
    """Raises ProjectError where the answers are public and the host has not said that it is for practice."""
    why = public_because(project)
    if why is not None and not practice:
        raise ProjectError(
            f"the answers of the test rows are public: {why}", where=project.name,
            todo="host it with --practice, and the page says so",
        )  # fmt: skip

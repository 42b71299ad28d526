"""Where a project's files are: the first place that has each of them with the right SHA-256."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from deepdojo.data.compressed import SUFFIXES, compression, sha256_of_content
from deepdojo.data.download import cached, download
from deepdojo.data.files import Files, content_sha256, file_sha256
from deepdojo.data.hub import HubPlace, hub_cached, hub_file
from deepdojo.errors import SourceError
from deepdojo.places import mirror_folder

if TYPE_CHECKING:
    from deepdojo.data.spec import FilePin, SourceSpec

__all__ = ["Progress", "available", "locate"]

Progress = Callable[[int, int, str], None]


def locate(
    source: SourceSpec,
    folder: Path,
    *,
    offline: bool = False,
    progress: Progress | None = None,
    yes: bool = False,
) -> Files:
    """The files of a project.

    Tried in this order: `path` (the user's own files), the project's folder, `dependency`,
    `$DEEPDOJO_DATA/<mirror>`, the cache, `url`, `hub`. A file whose SHA-256 is not the one of project.toml is never
    used: the search goes on, and if nothing better is found the error names it with both sums. A user's own files are
    not pinned.

    Args:
        folder: the folder of project.toml.
        offline: never use the network (`DEEPDOJO_OFFLINE` does the same).
        progress: called with bytes done, bytes in all and a text while something is downloaded.
        yes: download more than 100 MB without asking.

    Raises:
        SourceError: a file is nowhere, all copies have wrong sums, or the download failed.
    """
    own_roots, own_files = _user_paths(source, folder)
    roots = [*own_roots, folder, *_shared_roots(source)]
    pinned = dict(own_files)
    for name, pin in source.files.items():
        if name in own_files:
            continue
        pinned[name] = _find(
            name, pin, roots, offline=offline, progress=progress, yes=yes, hint=_hint(source),
            hub=None if source.hub is None else HubPlace.of(source.hub),
        )  # fmt: skip
    if source.path is not None and not source.files:
        roots = own_roots or [folder]
    sums = {name: pin.sha256 for name, pin in source.files.items() if pin.sha256 and not pin.content_sha256}
    return Files(roots, pinned, _hint(source), sums={n: s for n, s in sums.items() if n not in own_files})


def available(source: SourceSpec, folder: Path) -> bool:
    """Whether training could begin without the network: only looks whether the files exist, reads none of them."""
    try:
        own_roots, own_files = _user_paths(source, folder)
    except SourceError:
        return False
    roots = [*own_roots, folder, *_shared_roots(source)]
    if not source.files:
        return bool(own_files) or any(root.is_dir() for root in roots)
    return all(
        name in own_files
        or any(_places(root, name, pin) for root in roots)
        or (pin.sha256 and cached(pin.sha256) is not None)
        or (source.hub is not None and hub_cached(HubPlace.of(source.hub), name) is not None)
        for name, pin in source.files.items()
    )


def _user_paths(source: SourceSpec, folder: Path) -> tuple[list[Path], dict[str, Path]]:
    roots: list[Path] = []
    files: dict[str, Path] = {}
    given = [] if source.path is None else [source.path] if isinstance(source.path, str) else list(source.path)
    for text in given:
        path = (folder / Path(text).expanduser()).resolve()
        if path.is_dir():
            roots.append(path)
        elif path.is_file():
            files.setdefault(path.name, path)
            files[text] = path
        elif not source.files:
            raise SourceError(
                f"there is no file or folder {text!r}",
                where=f"source.path of {folder / 'project.toml'}",
                todo="mend the path",
            )
    return roots, files


def _shared_roots(source: SourceSpec) -> list[Path]:
    roots: list[Path] = []
    if source.dependency is not None:
        found = _dependency(source.dependency)
        if found is not None:
            roots.append(found)
    mirror = mirror_folder()
    if mirror is not None and source.mirror is not None and (mirror / source.mirror).is_dir():
        roots.append(mirror / source.mirror)
    return roots


def _dependency(name: str) -> Path | None:
    """`sklearn/datasets/data` -> that folder of the installed package, found without importing it."""
    from importlib.util import find_spec

    package, _, rest = name.partition("/")
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        folder = Path(place) / rest
        if folder.is_dir():
            return folder
    return None


def _hint(source: SourceSpec) -> str | None:
    if source.origin:
        return f"get it from {source.origin}, and put it into a folder that [source] path names"
    if source.mirror:
        return f"set DEEPDOJO_DATA to a folder that holds {source.mirror}/"
    return "mend [source] in project.toml"


def _find(
    name: str,
    pin: FilePin,
    roots: list[Path],
    *,
    offline: bool,
    progress: Progress | None,
    yes: bool,
    hint: str | None,
    hub: HubPlace | None,
) -> Path:
    wrong: list[str] = []
    for path in (place for root in roots for place in _places(root, name, pin)):
        got = _sum(path, name, pin)
        if got is None:
            return path
        wrong.append(f"{path} has {got[:12]}…")
    if pin.sha256:
        kept = cached(pin.sha256)
        if kept is not None:
            return kept
    try:
        if pin.sha256 and pin.url:
            return download(
                pin.url, pin.sha256, name, offline=offline, progress=progress, yes=yes, expected_bytes=pin.bytes
            )
        if hub is not None:
            return hub_file(hub, name, sha256=pin.sha256, offline=offline, progress=progress, yes=yes)
    except SourceError as error:
        if not wrong:
            raise
        raise SourceError(f"{error.what}; and {_wrong(name, pin, wrong)}", where=error.where, todo=error.todo) from None
    if wrong:
        raise SourceError(_wrong(name, pin, wrong), todo="get the right version of it; this file is not used")
    looked = ", ".join(str(root) for root in roots)
    raise SourceError(f"the file {name} is nowhere (looked in {looked} and the cache)", todo=hint)


def _places(root: Path, name: str, pin: FilePin) -> list[Path]:
    """The file itself, or compressed, where there is one: a pin is of the content."""
    endings = ("", *SUFFIXES) if pin.sha256 and compression(name) is None else ("",)
    return [path for ending in endings if (path := root / f"{name}{ending}").is_file()]


def _sum(path: Path, name: str, pin: FilePin) -> str | None:
    """None when the file is what the pin asks for, else the sum that it has."""
    if pin.sha256 is None and pin.content_sha256 is None:
        return None
    packed = path.name != Path(name).name
    got = (sha256_of_content(path) if packed else file_sha256(path)) if pin.sha256 else ""
    if got and got == pin.sha256:
        return None
    if pin.content_sha256 is not None:
        got = content_sha256(path, name)
        if got == pin.content_sha256:
            return None
    return got


def _wrong(name: str, pin: FilePin, wrong: list[str]) -> str:
    expected = str(pin.content_sha256 or pin.sha256)
    return f"{name} should have the SHA-256 {expected[:12]}…, but {' and '.join(wrong)}"

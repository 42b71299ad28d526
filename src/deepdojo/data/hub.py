"""Files of a data set on the Hugging Face hub: `owner/name@revision` and a name become a file of our cache.

A revision is looked up once and kept with its commit, so that what was fetched stays what it is, and needs no network
any more; of the repository only files that hold data are ever fetched, never code and never a pickle.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdojo.data.download import agree
from deepdojo.data.files import file_sha256
from deepdojo.errors import SourceError
from deepdojo.places import cache_folder, write_json
from deepdojo.places import offline as offline_by_environment

__all__ = ["HubFile", "HubPlace", "hub_cached", "hub_file", "hub_listing", "is_data"]

Progress = Callable[[int, int, str], None]
DATA = (
    ".parquet", ".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".txt", ".zip", ".png", ".jpg", ".jpeg", ".gif", ".bmp",
    ".webp", ".tif", ".tiff",
)  # fmt: skip
PACKED = (".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository; `sha256` where the hub knows it, as it does of large files."""

    name: str
    bytes: int | None
    sha256: str | None


@dataclass(frozen=True)
class HubPlace:
    """`owner/name@revision`; the revision is a branch, a tag or a commit, `main` where none is given."""

    name: str
    revision: str = "main"

    @classmethod
    def of(cls, text: str) -> HubPlace:
        """Raises SourceError for what is no such place."""
        match = re.fullmatch(r"(\w[\w.-]{0,95}(?:/\w[\w.-]{0,95})?)(?:@([\w./-]{1,120}))?", text)
        if match is None or ".." in text:
            raise SourceError(
                f"{text!r} is no data set of the hub", where="source.hub", todo="write it as owner/name@revision"
            )
        return cls(match[1], match[2] or "main")

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}"

    @property
    def record(self) -> Path:
        """Where the commit is kept that the revision was when it was first asked for."""
        return _folder() / "revisions" / self.name.replace("/", "--") / f"{self.revision.replace('/', '--')}.json"

    def commit(self) -> str | None:
        """The commit that is kept; a revision that is a commit is its own."""
        if re.fullmatch("[0-9a-f]{40}", self.revision):
            return self.revision
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            return str(json.loads(self.record.read_text(encoding="utf-8"))["commit"])
        return None


def is_data(name: str) -> bool:
    """Whether a file holds rows, texts or pictures, and nothing that runs when it is opened."""
    lower = name.lower()
    for ending in PACKED:
        lower = lower.removesuffix(ending)
    return lower.endswith(DATA)


def hub_cached(place: HubPlace, name: str) -> Path | None:
    """The file as it was fetched before, or None; asks nobody."""
    commit = place.commit()
    if commit is None:
        return None
    path = _folder() / f"datasets--{place.name.replace('/', '--')}" / "snapshots" / commit / name
    return path if path.is_file() else None


def hub_listing(place: HubPlace, *, offline: bool = False) -> list[HubFile]:
    """All files of the repository at the kept commit, or at what the revision is now, which is then kept.

    Raises:
        SourceError: no such data set or revision, consent is asked for on its page, no network.
    """
    _may_ask(str(place), offline)
    from huggingface_hub import HfApi

    with _said(place):
        info = HfApi().dataset_info(place.name, revision=place.commit() or place.revision, files_metadata=True)
        write_json(place.record, {"data set": place.name, "revision": place.revision, "commit": info.sha})
        return [
            HubFile(one.rfilename, one.size, getattr(one.lfs, "sha256", None) if one.lfs is not None else None)
            for one in info.siblings or []
        ]


def hub_file(
    place: HubPlace,
    name: str,
    *,
    sha256: str | None = None,
    offline: bool = False,
    progress: Progress | None = None,
    yes: bool = False,
    listed: HubFile | None = None,
) -> Path:
    """The file, from the cache or fetched into it.

    Args:
        sha256: what the file must have; without it the digest that a run records is all there is.
        yes: fetch more than 100 MB without asking.
        listed: the entry of `hub_listing`, where that has been asked already.

    Raises:
        SourceError: as `hub_listing`; no such file; a kind that is never fetched; another SHA-256.
    """
    if not is_data(name) or ".." in Path(name).parts or name.startswith("/"):
        raise SourceError(
            f"{name} is not fetched: only tables, texts, pictures and zip archives of them are, since other files can "
            "run code when they are opened",
            where=str(place), todo="name a Parquet, CSV, JSONL or text file of it",
        )  # fmt: skip
    path = hub_cached(place, name)
    if path is None:
        _may_ask(name, offline, where=str(place))
        listed = listed or next((one for one in hub_listing(place) if one.name == name), None)
        if listed is None:
            raise SourceError(f"the data set has no file {name}", where=str(place), todo=_alike(place, name))
        if sha256 is not None and listed.sha256 is not None and listed.sha256 != sha256:
            raise _wrong(name, place, listed.sha256, sha256)  # before the first byte of a large file
        path = _fetched(place, listed, progress, yes)
    if sha256 is not None and (got := file_sha256(path)) != sha256:
        raise _wrong(name, place, got, sha256)
    return path


def _folder() -> Path:
    return cache_folder() / "hub"


def _may_ask(name: str, offline: bool, where: str | None = None) -> None:
    if offline or offline_by_environment():
        raise SourceError(
            f"{name} is not on this machine and the network is switched off", where=where,
            todo="run once without --offline",
        )  # fmt: skip


def _fetched(place: HubPlace, file: HubFile, progress: Progress | None, yes: bool) -> Path:
    from huggingface_hub import hf_hub_download

    size = file.bytes or 0
    shown = f"{size / 1e6:,.1f} MB" if size else "of unknown size"
    line = f"downloading {file.name} ({shown}) of the hub's {place} to {_folder()}"
    if progress is not None:
        progress(0, size, line)
    agree(file.name, size, str(place), line, yes=yes)
    with _said(place, file.name):
        return Path(
            hf_hub_download(
                place.name, file.name, repo_type="dataset", revision=place.commit(), cache_dir=_folder(),
                tqdm_class=_bar(progress, file.name),
            )
        )  # fmt: skip


def _bar(progress: Progress | None, name: str) -> Any:
    """A progress bar that draws nothing and tells ours."""
    from tqdm.auto import tqdm

    class Told(tqdm):
        def __init__(self, *args: Any, **given: Any) -> None:
            given.pop("name", None)  # huggingface_hub's own
            super().__init__(*args, **{**given, "disable": True})
            self.total_bytes, self.done = given.get("total") or 0, given.get("initial") or 0

        def update(self, n: float | None = 1) -> bool | None:
            self.done += n or 0
            if progress is not None:
                progress(int(self.done), int(self.total_bytes), f"downloading {name}")
            return None

    return Told


def _wrong(name: str, place: HubPlace, got: str, sha256: str) -> SourceError:
    return SourceError(
        f"{name} has the SHA-256 {got[:12]}… there, expected {sha256[:12]}…; it is not used", where=str(place),
        todo="name the commit that the sum is of (hub = \"owner/name@COMMIT\"), or mend the sum",
    )  # fmt: skip


def _alike(place: HubPlace, name: str) -> str | None:
    from deepdojo.errors import nearest

    names = [one.name for one in hub_listing(place) if is_data(one.name)]
    guess = nearest(name, names)
    return f"did you mean {guess!r}?" if guess else f"it has {', '.join(names[:5]) or 'no file of data'}"


@contextlib.contextmanager
def _said(place: HubPlace, name: str = "it") -> Iterator[None]:
    """What the hub's client raises, as one sentence of ours."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    where = str(place)
    try:
        yield
    except GatedRepoError as error:
        raise SourceError(
            "the data set asks for consent on its page", where=where, todo="give it there and set HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        raise SourceError(f"the data set has no revision {place.revision}", where=where) from error
    except RepositoryNotFoundError as error:
        raise SourceError(
            "the hub has no such data set (or it is private)", where=where, todo="check the name, or set HF_TOKEN"
        ) from error
    except OfflineModeIsEnabled as error:
        raise SourceError(
            f"{name} is not on this machine and HF_HUB_OFFLINE forbids the network",
            where=where,
            todo="run once without it",
        ) from error
    except HFValidationError as error:
        raise SourceError(f"the hub does not know such names ({_first(error)})", where=where) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        if getattr(error, "filename", None) is not None:  # the disk, not the hub
            raise
        raise _not_given(error, where) from error
    except Exception as error:  # the client's HTTP library has errors of its own for a network that is not there
        if not type(error).__module__.startswith(("httpx", "httpcore", "requests", "urllib3")):
            raise
        raise _not_given(error, where) from error


def _not_given(error: Exception, where: str) -> SourceError:
    response = getattr(error, "response", None)
    if response is not None:
        return SourceError(f"the hub refuses (HTTP {response.status_code})", where=where, todo="try again later")
    return SourceError(
        f"the hub cannot be reached ({_first(error)})", where=where,
        todo="connect to the network, or set DEEPDOJO_DATA to a folder that has the files",
    )  # fmt: skip


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

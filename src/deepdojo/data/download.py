"""A pinned URL -> a file of the cache, named by its SHA-256. A download that breaks goes on where it was."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

from deepdojo.data.files import file_sha256
from deepdojo.errors import SourceError
from deepdojo.places import cache_folder, cannot_write
from deepdojo.places import offline as offline_by_environment

__all__ = ["ASK_BYTES", "agree", "cached", "download"]

ASK_BYTES = 100_000_000
TRIES = 5
WAIT_S = 0.5
TIMEOUT_S = 30.0
_BLOCK_BYTES = 1 << 16
_STALE_LOCK_S = 600.0


def cached(sha256: str) -> Path | None:
    """The file of the cache with this sum, or None. It was checked when it was put there, and is named by its sum."""
    path = _place(sha256)
    return path if path.is_file() else None


def agree(name: str, size: int, where: str, line: str, *, yes: bool) -> None:
    """Ask before more than 100 MB are fetched.

    Args:
        line: what is about to be done.

    Raises:
        SourceError: the user says no, or nobody is there to be asked.
    """
    if size <= ASK_BYTES or yes:
        return
    if not (sys.stdin is not None and sys.stdin.isatty()):
        raise SourceError(f"{name} has {size / 1e6:,.0f} MB", where=where, todo="give --yes to download it")
    print(f"{line}\nGo on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise SourceError(f"{name} was not downloaded", where=where)


def _place(sha256: str) -> Path:
    return cache_folder() / "files" / sha256[:2] / sha256


def download(
    url: str,
    sha256: str,
    name: str,
    *,
    offline: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
    yes: bool = False,
    expected_bytes: int | None = None,
) -> Path:
    """Fetches a file into the cache.

    A broken connection is tried again up to 5 times, each time from the byte where it broke (also by a later command).

    Args:
        expected_bytes: the size that project.toml states; else the server's word.
        yes: do not ask, however large.

    Raises:
        SourceError: no network or forbidden, not found, refused by the user, or bytes of another SHA-256.
    """
    if offline or offline_by_environment():
        raise SourceError(
            f"{name} is not on this machine and the network is switched off",
            where=url,
            todo="run once without --offline",
        )
    if not url.startswith(("http://", "https://")):
        raise SourceError("an address begins with https:// or http://", where=url)
    target = _place(sha256)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _part_file(target) as part:
            _checked(_Fetch(url, name, part, progress, yes, expected_bytes), sha256)
            os.replace(part, target)
    except OSError as error:
        raise cannot_write(target, error) from error
    return target


def _checked(fetch: _Fetch, sha256: str) -> None:
    """Fetches the whole file and compares its sum; a wrong one is thrown away."""
    resumed = fetch.have() > 0
    fetch.whole()
    got = file_sha256(fetch.part)
    if got != sha256 and resumed:  # what an earlier command left was another file
        fetch.part.unlink(missing_ok=True)
        fetch.whole()
        got = file_sha256(fetch.part)
    if got != sha256:
        fetch.part.unlink(missing_ok=True)
        raise SourceError(
            f"what came for {fetch.name} has the SHA-256 {got[:12]}…, expected {sha256[:12]}…; it is not used",
            where=fetch.url,
            todo="the file on the server has changed: get the old one from elsewhere, or mend project.toml",
        )


@contextlib.contextmanager
def _part_file(target: Path) -> Any:
    """The file that a download grows in; a second process that wants the same one gets a file of its own."""
    lock = target.with_name(target.name + ".lock")
    with contextlib.suppress(OSError):
        if time.time() - lock.stat().st_mtime > _STALE_LOCK_S:
            lock.unlink()
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)
        return
    try:
        yield target.with_name(target.name + ".part")
    finally:
        lock.unlink(missing_ok=True)


class _Broken(Exception):
    """The connection ended too early; another try may go on."""


class _Fetch:
    def __init__(
        self,
        url: str,
        name: str,
        part: Path,
        progress: Callable[[int, int, str], None] | None,
        yes: bool,
        size: int | None,
    ) -> None:
        self.url, self.name, self.part, self.progress, self.yes, self.size = url, name, part, progress, yes, size
        self.said = False

    def whole(self) -> None:
        """Tries until the file is complete. Progress starts the count of tries anew."""
        failures = 0
        while True:
            before = self.have()
            try:
                self.once()
                return
            except _Broken as error:
                failures = 1 if self.have() > before else failures + 1
                if failures >= TRIES:
                    raise SourceError(
                        f"the download of {self.name} broke off {TRIES} times ({error}), {self.have():,} bytes kept",
                        where=self.url,
                        todo="try again later, it goes on from there",
                    ) from None
                time.sleep(WAIT_S * 2 ** (failures - 1))

    def have(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def once(self) -> None:
        """One request for what is still missing."""
        start = self.have()
        headers = {"User-Agent": "deepdojo", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, headers=headers), timeout=TIMEOUT_S) as answer:
                if start and answer.status != 206:  # the server does not know ranges: from the beginning
                    start = 0
                length = answer.headers.get("Content-Length")
                total = start + int(length) if length is not None and length.isdigit() else self.size or 0
                self.announce(total)
                self.copy(answer, start, total)
        except urllib.error.HTTPError as error:
            self.refused(error, start)
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            self.unreachable(error)

    def copy(self, answer: Any, start: int, total: int) -> None:
        done = start
        with self.part.open("ab" if start else "wb") as file:
            while True:
                try:
                    block = answer.read(_BLOCK_BYTES)
                except (HTTPException, TimeoutError, ConnectionError) as error:
                    partial = getattr(error, "partial", b"")
                    file.write(partial)
                    raise _Broken(str(error) or type(error).__name__) from None
                if not block:
                    break
                file.write(block)
                done += len(block)
                if self.progress is not None:
                    self.progress(done, total, f"downloading {self.name}")
        if done < total:
            raise _Broken(f"{done:,} of {total:,} bytes came")

    def announce(self, total: int) -> None:
        """One line before the first byte: what, how large, from where, to which folder. Over 100 MB it is asked."""
        if self.said:
            return
        self.said = True
        size = f"{total / 1e6:,.1f} MB" if total else "of unknown size"
        line = f"downloading {self.name} ({size}) from {self.url} to {self.part.parent}"
        if self.progress is not None:
            self.progress(0, total, line)
        agree(self.name, max(total, self.size or 0), self.url, line, yes=self.yes)

    def refused(self, error: urllib.error.HTTPError, start: int) -> None:
        if error.code == 416:
            if start:  # nothing is missing beyond what is kept; the sum decides whether that is the file
                return
            raise SourceError(f"the server has no byte of {self.name}", where=self.url)
        if error.code in (404, 410):
            raise SourceError(
                f"the server has no {self.name} any more (HTTP {error.code})", where=self.url, todo="mend the url"
            )
        if error.code in (408, 425, 429) or error.code >= 500:
            raise _Broken(f"HTTP {error.code}")
        raise SourceError(f"the server refuses {self.name} (HTTP {error.code} {error.reason})", where=self.url)

    def unreachable(self, error: Exception) -> None:
        import socket

        reason = getattr(error, "reason", error)
        if isinstance(reason, socket.gaierror | ConnectionRefusedError) or getattr(reason, "errno", None) in (101, 113):
            raise SourceError(
                f"{self.name} is not on this machine and the network cannot be reached ({reason})",
                where=self.url,
                todo="connect to the network, or set DEEPDOJO_DATA to a folder that has it",
            ) from None
        raise _Broken(str(reason)) from None

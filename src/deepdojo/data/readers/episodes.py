"""Episodes: a picture, and a gallery of a few names in which its own is one. What one-shot learning is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from deepdojo.data.readers import RawRow
from deepdojo.data.readers.named_pictures import draws_of, named_pictures
from deepdojo.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]


def read(
    files: Files,
    glob: str | Sequence[str],
    *,
    pattern: str | None = None,
    start: float = 0.0,
    stop: float = 1.0,
    each: Sequence[float] = (0.0, 1.0),
    ways: int = 5,
    shots: int = 1,
    asked: int = 1,
    episodes: int = 200,
    within: str | None = None,
    salt: str = "",
) -> Iterator[RawRow]:
    """One row a picture that is asked for: `file`, `label`, `gallery` (names and files), `episode`.

    An episode draws `ways` names, `shots` pictures of each for the gallery and `asked` others that are asked for: it
    has ways · asked rows. A name of fewer pictures than that is left out, its pictures listed as rejected.

    Args:
        within: a group of the pattern; the names of one episode have the same value there (one alphabet).
        start, stop, each, salt: see the `files` reader; salt and options seed the draw.

    Raises:
        DataError: fewer names than an episode needs. UnknownNameError: no such group.
    """
    groups, rejected = named_pictures(files, glob, pattern, start, stop, each, salt)
    yield from rejected
    need = shots + asked
    fitting = {name: rows for name, rows in groups.items() if len(rows) >= need}
    for name, rows in groups.items():
        if name not in fitting:
            for row in rows:
                few = "the only picture" if len(rows) == 1 else f"one of {len(rows)} pictures"
                yield RawRow(row.cells, row.file, None, f"it is {few} of {name!r}, and an episode takes {need} of each")
    pools = _pools(fitting, within)
    large = [names for names in pools.values() if len(names) >= ways]
    if not large:
        raise DataError(
            f"an episode of {ways} names with {need} pictures each cannot be drawn: {len(fitting)} names have so many",
            where="data.ways", todo="take fewer ways, shots or asked, or more pictures",
        )  # fmt: skip
    options = {"ways": ways, "shots": shots, "asked": asked, "within": within, "names": sorted(groups)}
    draws, number = draws_of(salt, options), 0
    for episode in range(1, episodes + 1):
        pool = large[int(draws.integers(len(large)))]
        names = [pool[i] for i in draws.choice(len(pool), ways, replace=False)]
        taken = {name: [fitting[name][i] for i in draws.permutation(len(fitting[name]))[:need]] for name in names}
        gallery = [[name, row.file] for name in names for row in taken[name][:shots]]
        for name in names:
            for row in taken[name][shots:]:
                number += 1
                cells = {**row.cells, "label": name, "gallery": gallery, "episode": f"episode {episode}"}
                yield RawRow(cells, row.file, number)


def _pools(groups: dict[str, list[RawRow]], within: str | None) -> dict[str, list[str]]:
    """The names among which an episode draws: all, or those of one value of `within`."""
    pools: dict[str, list[str]] = {}
    for name, rows in groups.items():
        cells = rows[0].cells
        if within is not None and within not in cells:
            raise UnknownNameError("column", within, cells, where="data.within")
        pools.setdefault("" if within is None else str(cells[within]), []).append(name)
    return pools

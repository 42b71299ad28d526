"""Tags of a sentence <-> indices. Chunks are learned as IOBES, whatever scheme the data have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from deepdojo.chunks import OUTSIDE, SCHEMES, chunks_of, scheme_of, tags_of
from deepdojo.errors import UnknownNameError

__all__ = ["Tags"]

_PLAIN = "plain"


@dataclass(frozen=True)
class Tags:
    """The tags of training rows in a fixed order.

    Attributes:
        scheme: what the data are written in, of `deepdojo.chunks.SCHEMES`, or plain for tags that mark no chunks.
        names: O, then B, I, E and S of each type by name; plain tags by name.
    """

    scheme: str
    names: tuple[str, ...]

    @classmethod
    def fit(cls, sentences: Sequence[Sequence[str]], scheme: str = "auto") -> Tags:
        """
        Args:
            scheme: auto finds it.

        Raises:
            UnknownNameError: a scheme that there is not.
        """
        known = ("auto", _PLAIN, *SCHEMES)
        if scheme not in known:
            raise UnknownNameError("scheme of tags", scheme, known, where="task.scheme")
        scheme = scheme_of(sentences) if scheme == "auto" else scheme
        if scheme == _PLAIN:
            return cls(scheme, tuple(sorted({tag for tags in sentences for tag in tags})))
        types = sorted({kind for tags in sentences for kind, _, _ in chunks_of(tags)})
        return cls(scheme, (OUTSIDE, *(_tag(letter, kind) for kind in types for letter in SCHEMES["iobes"])))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def encode(self, tags: Sequence[str]) -> list[int] | None:
        """One index a word, or None where training rows do not hold a type: nothing can be learned from the
        sentence."""
        if self.scheme != _PLAIN:
            tags = tags_of(chunks_of(tags), len(tags), "iobes")
        found = [self._index.get(tag, -1) for tag in tags]
        return None if -1 in found else found

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The tags in the scheme of the data; what is no right IOBES is read by conlleval's rules."""
        tags = [self.names[i] for i in ids]
        return tags if self.scheme == _PLAIN else tags_of(chunks_of(tags), len(tags), self.scheme)


def _tag(letter: str, kind: str) -> str:
    return letter if kind == "_" else f"{letter}-{kind}"

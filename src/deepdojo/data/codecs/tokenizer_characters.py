"""Text <-> ids of its characters: the smallest vocabulary, the longest sequences, and no word unknown as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from deepdojo.data.codecs.tokenizer import PAD, UNKNOWN, UNKNOWN_SIGN, original_spans

__all__ = ["CharacterTokenizer"]


@dataclass(frozen=True)
class CharacterTokenizer:
    """The characters of training text, blanks among them; id 0 is padding, id 1 every character that is not in it.

    Attributes:
        characters: of id 2, 3, ..., the most frequent first.
        lower: whether text is lower-cased.
    """

    characters: tuple[str, ...]
    lower: bool = True
    kind: str = "characters"

    @classmethod
    def fit(cls, texts: Iterable[str], *, lower: bool = True, min_count: int = 2) -> CharacterTokenizer:
        """The characters that occur at least `min_count` times."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text.lower() if lower else text)
        return cls(
            tuple(sorted((c for c, n in counts.items() if n >= min_count), key=lambda c: (-counts[c], c))), lower
        )

    @cached_property
    def _index(self) -> dict[str, int]:
        return {character: i + 2 for i, character in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters) + 2

    def pieces(self, text: str) -> list[str]:
        """The characters of a text as the model sees them."""
        return list(text.lower() if self.lower else text)

    def encode(self, text: str) -> list[int]:
        """One id a character; an empty text is one unknown character."""
        index = self._index
        return [index.get(character, UNKNOWN) for character in self.pieces(text)] or [UNKNOWN]

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids, and where each one's character stands in `text`."""
        spans = [(i, i + 1) for i in range(len(self.pieces(text)))]
        return self.encode(text), (original_spans(text, spans) if self.lower else spans) or [(0, 0)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text; U+FFFD for unknown characters, nothing for padding."""
        return "".join(UNKNOWN_SIGN if i == UNKNOWN else self.characters[i - 2] for i in ids if i != PAD)

"""Byte-level BPE: any text as pieces of words, with nothing unknown and nothing lost.

Text is cut into words with the blank before them; a word starts as its UTF-8 bytes, and the pair that stood together
most often in the training text is joined, then the next, in the order in which they were learned.

Source: Sennrich, Haddow & Birch 2016, "Neural machine translation of rare words with subword units"; over bytes:
    Radford et al. 2019 (GPT-2), whose cuts between words are taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

from deepdojo.data.codecs.learning_share import learn_from
from deepdojo.data.codecs.tokenizer import UNKNOWN, original_spans
from deepdojo.errors import RecipeError
from deepdojo.swaps import taken

__all__ = ["BytePairTokenizer", "bpe_encode", "one_thread", "to_learn_from", "without_surrogates"]

BYTES = 256
_SURROGATE = re.compile("[\ud800-\udfff]")
LONG_RUN = 256
_LONG_WORD, _LONG_BLANK = re.compile(rf"(\S{{{LONG_RUN}}})(?=\S)"), re.compile(rf"(\s{{{LONG_RUN}}})\s+")


def without_surrogates(text: str) -> str:
    """Halves of surrogate pairs, which are no characters and which no UTF-8 can say, as U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def to_learn_from(text: str) -> str:
    """A text as the library's trainers may have it: what stands without a blank is parted after 256 signs, and no more
    blanks than that follow each other, for their time grows with the square of a word's length."""
    return _LONG_BLANK.sub(r"\1", _LONG_WORD.sub(r"\1 ", without_surrogates(text)))


@contextmanager
def one_thread() -> Iterator[None]:
    """The library's trainers in one thread: a process that used its threads complains when it is forked later."""
    before = os.environ.get("TOKENIZERS_PARALLELISM")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ["TOKENIZERS_PARALLELISM"]
        else:
            os.environ["TOKENIZERS_PARALLELISM"] = before


@dataclass(frozen=True)
class BytePairTokenizer:
    """A vocabulary of byte sequences. Id 0 is padding; id 1, which no text but an empty one has, stands for nothing.

    Attributes:
        tokens: of id 2, 3, ..., each byte written as one printable sign, as in GPT-2's files (`Ġ` is a blank).
        merges: the pairs in the order in which they are joined, as in its merges.txt.
        lower: whether text is lower-cased.
    """

    tokens: tuple[str, ...]
    merges: tuple[str, ...]
    lower: bool = False
    kind: str = "bpe"

    @classmethod
    def fit(
        cls, texts: Iterable[str], *, vocab_size: int = 8_000, lower: bool = False, min_count: int = 2
    ) -> BytePairTokenizer:
        """Learn the merges of training texts; equal texts in any order give an equal tokenizer.

        Args:
            vocab_size: ids in all, 258 at least; fewer come out where fewer pairs occur `min_count` times.

        Raises: RecipeError when not even the bytes would have room.
        """
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers

        if vocab_size < BYTES + 2:
            raise RecipeError(
                f"vocab_size = {vocab_size} has no room for {BYTES} bytes, padding and nothing",
                where="task.vocab_size", todo=f"take {BYTES + 2} or more",
            )  # fmt: skip
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size - 2, min_frequency=min_count, show_progress=False,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        )  # fmt: skip

        def learn(some: Iterable[str]) -> Tokenizer:
            learner = Tokenizer(models.BPE())
            learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            with one_thread():
                learner.train_from_iterator((to_learn_from(t.lower() if lower else t) for t in some), trainer)
            return learner

        learner = learn_from(texts, learn)
        vocabulary = learner.get_vocab()
        tokens = tuple(sorted(vocabulary, key=vocabulary.__getitem__))
        return cls(tokens, merges_of(learner), lower)

    @cached_property
    def _library(self) -> Any:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        merges = [(a, b) for a, _, b in (merge.partition(" ") for merge in self.merges)]
        made = Tokenizer(models.BPE(vocab={token: i + 2 for i, token in enumerate(self.tokens)}, merges=merges))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        return made

    def __len__(self) -> int:
        return len(self.tokens) + 2

    def cut(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids, and the characters that each is part of, blanks before words among them; nothing for an empty text."""
        said = without_surrogates(text.lower() if self.lower else text)
        encode = taken("bpe_encode", bpe_encode)
        if encode is bpe_encode:
            found = self._library.encode(said)
            ids, offsets = found.ids, found.offsets
        else:
            ids, offsets = self._cut_by(encode, said)
        return ids, original_spans(text, offsets) if self.lower else offsets

    def _cut_by(self, encode: Callable[..., list[bytes]], text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The same by a learner's function of one word; each word is cut once."""
        ids: list[int] = []
        spans: list[tuple[int, int]] = []
        for _, (start, end) in self._library.pre_tokenizer.pre_tokenize_str(text):
            word = text[start:end]
            if (encode, word) not in self._cuts:
                self._cuts[encode, word] = list(encode(word.encode(), list(self._pairs)))
            place = [i for i, sign in enumerate(word) for _ in sign.encode()]  # byte -> character
            at = 0
            for piece in self._cuts[encode, word]:
                ids.append(self._ids[piece])
                spans.append((start + place[at], start + place[at + len(piece) - 1] + 1))
                at += len(piece)
        return ids, spans

    @cached_property
    def _cuts(self) -> dict[Any, list[bytes]]:
        return {}

    @cached_property
    def _pairs(self) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((bytes_of(a), bytes_of(b)) for a, _, b in (merge.partition(" ") for merge in self.merges))

    @cached_property
    def _ids(self) -> dict[bytes, int]:
        return {bytes_of(token): i for i, token in enumerate(self.tokens, 2)}

    def encode(self, text: str) -> list[int]:
        """Token ids; an empty text is one token of nothing."""
        return self.cut(text)[0] or [UNKNOWN]

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids, and where each one's characters stand in `text`, without blanks around them. Tokens that share a
        character, which has several bytes, have the same place."""
        ids, spans = self.cut(text)
        return (ids, [_trimmed(text, *span) for span in spans]) if ids else ([UNKNOWN], [(0, 0)])

    def pieces(self, text: str) -> list[str]:
        """What each token shows of the text."""
        return [text[start:end] for start, end in self.encode_with_offsets(text)[1]]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens: for those of `encode` the text itself (lower-cased if `lower`); bytes that are no UTF-8
        become U+FFFD."""
        return self._library.decode([i for i in ids if i > UNKNOWN], skip_special_tokens=False)


def bpe_encode(word: bytes, merges: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """The pieces of a word: as if all merges were applied to it, in the order in which they were learned.

    Source: Sennrich, Haddow & Birch 2016, section 3.2.
    """
    rank = {pair: i for i, pair in reversed(list(enumerate(merges)))}
    parts = [word[i : i + 1] for i in range(len(word))]
    while True:
        places = [(rank[pair], i) for i, pair in enumerate(pairwise(parts)) if pair in rank]
        if not places:
            return parts
        at = min(places)[1]
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


@cache
def _signs() -> dict[str, int]:
    """GPT-2's printable sign of each byte: the byte's own where that can be seen, else one from U+0100 on."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(BYTES) if byte not in seen]
    return {**{chr(byte): byte for byte in seen}, **{chr(BYTES + i): byte for i, byte in enumerate(others)}}


def bytes_of(token: str) -> bytes:
    """The bytes of a token, which stands in signs as in GPT-2's files."""
    return bytes(_signs()[sign] for sign in token)


def merges_of(learner: Any) -> tuple[str, ...]:
    """The learned pairs, from the library's own JSON."""
    import json

    pairs = json.loads(learner.to_str())["model"]["merges"]
    return tuple(pair if isinstance(pair, str) else " ".join(pair) for pair in pairs)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end].strip()
    if not inner:
        return start, end
    start += text[start:end].index(inner)
    return start, start + len(inner)

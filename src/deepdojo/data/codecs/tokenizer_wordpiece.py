"""WordPiece: a word is its longest known beginning, then `##` and the longest known piece that follows, and so on.

Source: Wu et al. 2016, "Google's neural machine translation system", section 4.1; Devlin et al. 2018 (BERT), whose cuts
    between words are taken: blanks, signs, and each Chinese character by itself.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from deepdojo.data.codecs.learning_share import learn_from
from deepdojo.data.codecs.tokenizer import PAD, UNKNOWN, UNKNOWN_SIGN
from deepdojo.data.codecs.tokenizer_byte_pairs import one_thread, to_learn_from, without_surrogates
from deepdojo.errors import RecipeError

__all__ = ["CONTINUED", "WordPieceTokenizer"]

CONTINUED = "##"


@dataclass(frozen=True)
class WordPieceTokenizer:
    """A vocabulary of pieces of words; id 0 is padding, id 1 a word that cannot be put together from them.

    Attributes:
        tokens: of id 2, 3, ...; those that go on with a word begin with `##`.
        lower: whether text is lower-cased, and accents are left out, as BERT's uncased models do.
    """

    tokens: tuple[str, ...]
    lower: bool = True
    kind: str = "wordpiece"

    @classmethod
    def fit(
        cls, texts: Sequence[str], *, vocab_size: int = 8_000, lower: bool = True, min_count: int = 2
    ) -> WordPieceTokenizer:
        """Learn the pieces of training texts; equal texts in any order give an equal tokenizer.

        Args:
            vocab_size: ids in all. Single characters, the most frequent first, may take half of it; a word with
                another character is unknown.

        Raises: RecipeError for a vocab_size below 8.
        """
        from tokenizers import Tokenizer, models, trainers

        if vocab_size < 8:
            raise RecipeError(f"vocab_size = {vocab_size} has no room for words", where="task.vocab_size")

        def learn(some: Iterable[str]) -> Tokenizer:
            learner = _around(Tokenizer(models.WordPiece(unk_token=UNKNOWN_SIGN)), lower)
            first, later = _characters(learner.normalizer, some, max(1, (vocab_size - 2) // 4))
            # The library numbers `##` pieces as a hash map gives them, and ties between pairs go by number: numbered
            # beforehand they give the same vocabulary in every process.
            trainer = trainers.WordPieceTrainer(
                vocab_size=vocab_size - 2, min_frequency=min_count, show_progress=False, limit_alphabet=len(first),
                initial_alphabet=first, special_tokens=[CONTINUED + character for character in later],
                continuing_subword_prefix=CONTINUED,
            )  # fmt: skip
            with one_thread():
                learner.train_from_iterator(map(to_learn_from, some), trainer)
            return learner

        learner = learn_from(texts, learn)
        vocabulary = learner.get_vocab()
        return cls(tuple(sorted(vocabulary, key=vocabulary.__getitem__)), lower)

    @cached_property
    def _library(self) -> Any:
        from tokenizers import Tokenizer, decoders, models

        vocabulary = {UNKNOWN_SIGN: UNKNOWN, **{token: i + 2 for i, token in enumerate(self.tokens)}}
        made = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token=UNKNOWN_SIGN))
        made.decoder = decoders.WordPiece(prefix=CONTINUED, cleanup=False)
        return _around(made, self.lower)

    def __len__(self) -> int:
        return len(self.tokens) + 2

    def encode(self, text: str) -> list[int]:
        """Piece ids; a text without any word is one unknown word."""
        return self._library.encode(without_surrogates(text)).ids or [UNKNOWN]

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids, and where each one's characters stand in `text`."""
        found = self._library.encode(without_surrogates(text))
        return (found.ids, found.offsets) if found.ids else ([UNKNOWN], [(0, 0)])

    def pieces(self, text: str) -> list[str]:
        """The pieces as the model sees them, with `##` where a word goes on; unknown words as they are spelled."""
        found = self._library.encode(without_surrogates(text))
        spelled = zip(found.ids, found.tokens, found.offsets, strict=True)
        return [text[a:b] if i == UNKNOWN else token for i, token, (a, b) in spelled]

    def decode(self, ids: Sequence[int]) -> str:
        """The words, put together from their pieces and parted by blanks; U+FFFD for unknown ones."""
        return self._library.decode([i for i in ids if i != PAD], skip_special_tokens=False)


def _around(made: Any, lower: bool) -> Any:
    """BERT's cleaning of a text and its cuts between words."""
    from tokenizers import normalizers, pre_tokenizers

    made.normalizer = normalizers.BertNormalizer(lowercase=lower)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def _characters(normalizer: Any, texts: Iterable[str], most: int) -> tuple[list[str], list[str]]:
    """The most frequent characters of words, and those of them that stand inside of a word, both sorted."""
    counts: Counter[str] = Counter()
    inside: set[str] = set()
    for text in texts:
        for word in normalizer.normalize_str(without_surrogates(text)).split():
            counts.update(word)
            inside.update(word[1:])
    known = sorted(counts, key=lambda c: (-counts[c], c))[:most]
    return sorted(known), sorted(c for c in known if c in inside and not _sign(c))


def _sign(character: str) -> bool:
    """Whether BERT cuts a word here: punctuation, and every sign of ASCII that is no letter or digit."""
    return unicodedata.category(character).startswith("P") or (character.isascii() and not character.isalnum())

"""The tokenizers by name, as a recipe's `task.tokens` says them. All are fitted on training text alone.

All have the same ids for padding (0) and for what is unknown (1), and JSON values as fields.
"""

from __future__ import annotations

from collections.abc import Sequence

from deepdojo.data.codecs.tokenizer import Tokenizer
from deepdojo.data.codecs.tokenizer_byte_pairs import BytePairTokenizer
from deepdojo.data.codecs.tokenizer_characters import CharacterTokenizer
from deepdojo.data.codecs.tokenizer_pretrained import PretrainedTokenizer
from deepdojo.data.codecs.tokenizer_wordpiece import WordPieceTokenizer
from deepdojo.errors import UnknownNameError

__all__ = ["TOKENS", "TextTokenizer", "fit_tokenizer"]

TOKENS = ("words", "characters", "bpe", "wordpiece")

TextTokenizer = Tokenizer | CharacterTokenizer | BytePairTokenizer | WordPieceTokenizer | PretrainedTokenizer


def fit_tokenizer(
    tokens: str,
    texts: Sequence[str],
    *,
    lower: bool = True,
    min_count: int = 2,
    max_words: int = 50_000,
    vocab_size: int = 8_000,
) -> TextTokenizer:
    """The tokenizer called `tokens`, learned from training texts.

    Args:
        lower: lower-case the text.
        min_count: a word, character or pair that occurs less often gets no id of its own.
        max_words: of `words`.
        vocab_size: of `bpe` and `wordpiece`.

    Raises:
        UnknownNameError: there is no such tokenizer.
    """
    if tokens == "words":
        return Tokenizer.fit(texts, lower=lower, min_count=min_count, max_words=max_words)
    if tokens == "characters":
        return CharacterTokenizer.fit(texts, lower=lower, min_count=min_count)
    if tokens == "bpe":
        return BytePairTokenizer.fit(texts, vocab_size=vocab_size, lower=lower, min_count=min_count)
    if tokens == "wordpiece":
        return WordPieceTokenizer.fit(texts, vocab_size=vocab_size, lower=lower, min_count=min_count)
    raise UnknownNameError("tokenizer", tokens, TOKENS, where="task.tokens")

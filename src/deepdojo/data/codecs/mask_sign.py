"""The sign that stands where a word is hidden, as the last token of a tokenizer's vocabulary.

No text gives it: words, characters and word pieces are cut at brackets, so `[MASK]` in a text is three tokens or more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deepdojo.data.codecs.tokenizer import Tokenizer
from deepdojo.data.codecs.tokenizer_characters import CharacterTokenizer
from deepdojo.data.codecs.tokenizer_pretrained import PretrainedTokenizer
from deepdojo.data.codecs.tokenizer_wordpiece import WordPieceTokenizer
from deepdojo.errors import RecipeError

__all__ = ["MASK_SIGN", "mask_id", "with_mask"]

MASK_SIGN = "[MASK]"
_TOKENS: dict[type, str] = {Tokenizer: "words", CharacterTokenizer: "characters", WordPieceTokenizer: "tokens"}


def with_mask(tokenizer: Any) -> Any:
    """The tokenizer with the sign, which it may have already.

    Raises:
        RecipeError: its kind has no place for one, or it came from a folder and has none.
    """
    if isinstance(tokenizer, PretrainedTokenizer):
        if tokenizer.mask is None:
            raise RecipeError("the tokenizer of the folder has no sign for a hidden word", where="model.from")
        return tokenizer
    name = _TOKENS.get(type(tokenizer))
    if name is None:
        raise RecipeError(
            "pairs of bytes have no sign for a hidden word", where="task.tokens", todo="take wordpiece or words"
        )
    tokens = getattr(tokenizer, name)
    return tokenizer if tokens[-1:] == (MASK_SIGN,) else replace(tokenizer, **{name: (*tokens, MASK_SIGN)})


def mask_id(tokenizer: Any) -> int:
    """The id of the sign."""
    found = tokenizer.mask if isinstance(tokenizer, PretrainedTokenizer) else len(tokenizer) - 1
    assert found is not None
    return int(found)

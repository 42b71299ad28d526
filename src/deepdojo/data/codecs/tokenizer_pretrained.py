"""The tokenizer of a pre-trained model's folder: its own ids, whatever they are, and its own signs around a text.

Read are tokenizer.json (of the `tokenizers` library) and vocab.txt (BERT's word pieces). Neither holds code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from deepdojo.data.codecs.tokenizer import UNKNOWN_SIGN
from deepdojo.data.codecs.tokenizer_byte_pairs import without_surrogates
from deepdojo.errors import RecipeError

__all__ = ["PretrainedTokenizer", "read_pretrained_tokenizer"]


@dataclass(frozen=True)
class PretrainedTokenizer:
    """Ids as the folder has them. What our own tokenizers fix (0 is padding, 1 is unknown) is asked for here.

    Attributes:
        library: the text of a tokenizer.json, without truncation and padding.
        before, after: ids that stand around each text, such as [CLS] and [SEP].
        unknown: the id of what cannot be said, and of what a word becomes that is taken away: that of [UNK], else
            of [MASK] or the padding.
        mask: the id of the sign for a hidden word, None where there is none.
    """

    library: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    unknown: int
    mask: int | None = None
    kind: str = "pretrained"

    @cached_property
    def _library(self) -> Any:
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self.library)

    def __len__(self) -> int:
        return int(self._library.get_vocab_size(with_added_tokens=True))

    def encode(self, text: str) -> list[int]:
        """Ids with those around the text: equal to Transformers' `input_ids`."""
        return [*self.before, *self.encode_with_offsets(text)[0], *self.after]

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids without those around the text, and where each one's characters stand in it."""
        found = self._library.encode(without_surrogates(text), add_special_tokens=False)
        return (found.ids, found.offsets) if found.ids else ([self.unknown], [(0, 0)])

    def pieces(self, text: str) -> list[str]:
        """The tokens of a text, as `encode` has them."""
        found = self._library.encode(without_surrogates(text), add_special_tokens=False)
        tokens = found.tokens or [UNKNOWN_SIGN]
        around = [[self._library.id_to_token(i) or "" for i in ids] for ids in (self.before, self.after)]
        return [*around[0], *tokens, *around[1]]

    def decode(self, ids: Sequence[int]) -> str:
        """The text, without special tokens."""
        return str(self._library.decode(list(ids), skip_special_tokens=True))


def read_pretrained_tokenizer(folder: Path) -> PretrainedTokenizer | None:
    """The tokenizer of a folder, None where it holds none (a model of images).

    Raises:
        RecipeError: a file that cannot be read, or no tokenizer.
    """
    path = folder / "tokenizer.json"
    if path.is_file():
        return _of(_read(path), path)
    if (folder / "vocab.txt").is_file():
        return _of(_word_pieces(folder), folder / "vocab.txt")
    return None


def _read(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises Exception itself
        raise RecipeError(f"is no tokenizer that can be read ({error})", where=str(path)) from None
    return made


def _word_pieces(folder: Path) -> Any:
    """BERT's tokenizer from vocab.txt: a line a piece, its number the id. `do_lower_case` of tokenizer_config.json
    counts, by default true, as in Transformers."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    path = folder / "vocab.txt"
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        settings = {}
    except (OSError, ValueError) as error:
        raise RecipeError(f"cannot be read ({error})", where=str(folder)) from None
    tokens = [line.rstrip("\r") for line in lines]
    vocabulary = {token: i for i, token in enumerate(tokens[:-1] if tokens[-1] == "" else tokens)}
    lacking = [sign for sign in ("[UNK]", "[CLS]", "[SEP]") if sign not in vocabulary]
    if lacking:
        raise RecipeError(f"has no {lacking[0]}, so these are not BERT's word pieces", where=str(path))
    made = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    made.add_special_tokens([s for s in ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]") if s in vocabulary])
    made.normalizer = normalizers.BertNormalizer(
        lowercase=bool(settings.get("do_lower_case", True)), strip_accents=settings.get("strip_accents"),
        handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
    )  # fmt: skip
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    ends = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=ends
    )
    return made


def _of(made: Any, path: Path) -> PretrainedTokenizer:
    made.no_truncation()
    made.no_padding()
    bare, whole = (made.encode("a", add_special_tokens=special).ids for special in (False, True))
    at = next((i for i in range(len(whole) + 1) if whole[i : i + len(bare)] == bare), None)
    if at is None or not bare:
        raise RecipeError("the ids of a text stand in another order among its signs", where=str(path))
    mask = made.token_to_id("[MASK]")
    mask = made.token_to_id("<mask>") if mask is None else mask
    signs = ("[UNK]", "<unk>", "[MASK]", "<mask>", "[PAD]", "<pad>", "<|endoftext|>")
    unknown = next((found for sign in signs if (found := made.token_to_id(sign)) is not None), 0)
    return PretrainedTokenizer(
        made.to_str(),
        tuple(whole[:at]),
        tuple(whole[at + len(bare) :]),
        int(unknown),
        None if mask is None else int(mask),
    )

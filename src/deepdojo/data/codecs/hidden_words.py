"""Which words of a held-out text are hidden: a function of the text alone, so the same for every model, tokenizer and
run, and the scorer can count them without asking who predicted.

A word is what stands between blanks; a Chinese, Japanese or Korean character is one by itself. Of n words the
max(1, round(0.15 n)) with the smallest numbers are hidden, where word i has the (i + 1)th number of SplitMix64
seeded with the first eight bytes of the text's SHA-256: exact in every version of every library.

Source: Devlin et al. 2019, section 3.1 (15 %); Steele, Lea, Flood 2014 (SplitMix64)
"""

from __future__ import annotations

import hashlib
import math
import re

import numpy as np

from deepdojo.data.codecs.tokenizer import CJK

__all__ = ["HIDDEN_SHARE", "hidden_spans", "spelling_nats", "text_words"]

HIDDEN_SHARE = 0.15
_WORD = re.compile(rf"[{CJK}]|[^\s{CJK}]+")


def text_words(text: str) -> list[tuple[int, int]]:
    """Where each word begins and ends."""
    return [match.span() for match in _WORD.finditer(text)]


def hidden_spans(text: str) -> list[tuple[int, int]]:
    """Where the hidden words begin and end, in the order of the text; none where there is no word."""
    words = text_words(text)
    if not words:
        return []
    count = max(1, round(HIDDEN_SHARE * len(words)))
    return [words[i] for i in np.sort(np.argsort(_numbers(text, len(words)), kind="stable")[:count])]


def _numbers(text: str, count: int) -> np.ndarray:
    """(count,) uint64, of SplitMix64."""
    seed = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    with np.errstate(over="ignore"):  # modulo 2^64 is meant
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def spelling_nats(word: str) -> float:
    """What it costs to spell a word that a vocabulary cannot say: ln 256 a byte, and as much for its end."""
    return (len(word.encode("utf-8", "surrogatepass")) + 1) * math.log(256)

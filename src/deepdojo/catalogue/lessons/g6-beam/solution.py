"""Beam search: several beginnings side by side (Sutskever et al. 2014)."""

from collections.abc import Callable

from torch import Tensor


def beam_search(
    next_log_probs: Callable[[list[int]], Tensor], bos: int, eos: int, beam_size: int, max_len: int, alpha: float
) -> tuple[list[int], float]:
    """The best text that is found, and its score.

    Args:
        next_log_probs: takes a beginning, a list of tokens with bos first; returns (V,), the log-probability of each
            token that may follow.
        bos: stands before every text and is no part of it.
        eos: ends a text and is its last token.
        beam_size: ended and live texts together, at most.
        max_len: tokens of a text at most, eos counted, bos not.
        alpha: a text's score is its log-probability / (its tokens) ** alpha.

    Returns:
        the tokens without bos, with eos if the text has ended; and the score.
    """
    # --- your code ---
    live: list[tuple[list[int], float]] = [([], 0.0)]
    ended: list[tuple[list[int], float]] = []
    for _ in range(max_len):
        candidates = []
        for tokens, total in live:
            for token, log_prob in enumerate(next_log_probs([bos, *tokens]).tolist()):
                candidates.append(([*tokens, token], total + log_prob))
        candidates.sort(key=lambda text: text[1], reverse=True)
        best = candidates[: beam_size - len(ended)]
        live = [text for text in best if text[0][-1] != eos]
        ended += [text for text in best if text[0][-1] == eos]
    scored = [(tokens, total / len(tokens) ** alpha) for tokens, total in ended + live]
    return max(scored, key=lambda text: text[1])
    # --- end ---

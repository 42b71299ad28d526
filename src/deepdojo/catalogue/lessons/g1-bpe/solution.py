"""Byte-pair encoding: subwords learned from counts (Sennrich et al. 2016), on bytes (Radford et al. 2019)."""


def bpe_train(words: dict[bytes, int], num_merges: int) -> list[tuple[bytes, bytes]]:
    """The merges in the order in which they are learned.

    Args:
        words: how often each word occurs. Pairs never reach across words.
        num_merges: at most so many; fewer where no pair is left.

    Returns:
        at each step the pair with the highest count; of equal counts the larger pair.
    """
    # --- your code ---
    pieces = {word: [word[i : i + 1] for i in range(len(word))] for word in words}
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < num_merges:
        counts: dict[tuple[bytes, bytes], int] = {}
        for word, count in words.items():
            parts = pieces[word]
            for pair in zip(parts, parts[1:]):
                counts[pair] = counts.get(pair, 0) + count
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        for word in words:
            pieces[word] = merge(pieces[word], best)
    return merges
    # --- end ---


def bpe_encode(word: bytes, merges: list[tuple[bytes, bytes]]) -> list[bytes]:
    """The pieces of a word: as if all merges were applied to it in the order in which they were learned."""
    # --- your code ---
    rank = {pair: i for i, pair in enumerate(merges)}
    parts = [word[i : i + 1] for i in range(len(word))]
    while True:
        known = [pair for pair in zip(parts, parts[1:]) if pair in rank]
        if not known:
            return parts
        parts = merge(parts, min(known, key=rank.get))
    # --- end ---


def merge(parts: list[bytes], pair: tuple[bytes, bytes]) -> list[bytes]:
    """`parts` with each occurrence of `pair`, from the left, made one piece. It may help you."""
    # --- your code ---
    out: list[bytes] = []
    i = 0
    while i < len(parts):
        if tuple(parts[i : i + 2]) == pair:
            out.append(parts[i] + parts[i + 1])
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return out
    # --- end ---

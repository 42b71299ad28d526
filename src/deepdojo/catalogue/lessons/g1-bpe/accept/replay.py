from collections import Counter


def join(parts, pair):
    out, fresh = [], False
    for part in parts:
        if out and not fresh and (out[-1], part) == pair:
            out[-1] += part
            fresh = True  # what was just made is not merged again in this pass
        else:
            out.append(part)
            fresh = False
    return out


def bpe_train(words, num_merges):
    table = [([bytes([b]) for b in word], n) for word, n in words.items()]
    merges = []
    for _ in range(num_merges):
        counts = Counter()
        for parts, n in table:
            for i in range(len(parts) - 1):
                counts[parts[i], parts[i + 1]] += n
        if not counts:
            return merges
        top = max(counts.values())
        best = max(pair for pair, n in counts.items() if n == top)
        merges.append(best)
        table = [(join(parts, best), n) for parts, n in table]
    return merges


def bpe_encode(word, merges):
    parts = [bytes([b]) for b in word]
    for pair in merges:
        parts = join(parts, pair)
    return parts

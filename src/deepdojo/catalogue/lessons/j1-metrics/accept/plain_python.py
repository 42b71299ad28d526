from collections import Counter


def f1(y, p, average):
    pairs = list(zip(y.tolist(), p.tolist()))
    right = Counter(a for a, b in pairs if a == b)
    true, said = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)

    def score(classes):
        hits, both = sum(right[c] for c in classes), sum(true[c] + said[c] for c in classes)
        return 2 * hits / both if both else 0.0

    classes = true.keys() | said.keys()
    if average in ("binary", "micro"):
        return score([1] if average == "binary" else classes)
    shares = {c: true[c] if average == "weighted" else 1 for c in classes}
    return sum(shares[c] * score([c]) for c in classes) / (sum(shares.values()) or 1)

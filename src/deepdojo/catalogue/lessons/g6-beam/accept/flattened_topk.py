import torch


def beam_search(step, start, stop, width, longest, power):
    texts = torch.empty(1, 0, dtype=torch.long)
    totals = torch.zeros(1, dtype=torch.float64)
    best, best_score, room = None, -float("inf"), width
    for n in range(1, longest + 1):
        rows = torch.stack([step([start, *row]) for row in texts.tolist()])
        scores = (totals[:, None] + rows).flatten()
        totals, place = scores.topk(min(room, len(scores)))
        parent = place.div(rows.shape[1], rounding_mode="floor")
        texts = torch.cat([texts[parent], (place % rows.shape[1])[:, None]], 1)
        over = (texts[:, -1] == stop) if n < longest else torch.ones(len(texts), dtype=torch.bool)
        for row, total in zip(texts[over].tolist(), totals[over].tolist()):
            if total / n**power > best_score:
                best, best_score = row, total / n**power
        room -= int(over.sum())
        texts, totals = texts[~over], totals[~over]
        if room == 0 or not len(texts):
            break
    return best, best_score

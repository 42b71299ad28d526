def lm_loss(logits, ids, keep=None):
    total, count = 0 * logits.sum(), 0
    for b in range(ids.shape[0]):
        for t in range(1, ids.shape[1]):
            if keep is not None and not keep[b, t]:
                continue
            row = logits[b, t - 1]
            top = row.max()
            total = total + top + (row - top).exp().sum().log() - row[ids[b, t]]
            count += 1
    return total / max(count, 1)

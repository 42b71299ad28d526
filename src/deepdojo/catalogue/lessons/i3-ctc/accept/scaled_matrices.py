import torch


def ctc_loss(logits, targets, input_lengths, target_lengths, blank=0):
    """Row by row, with probabilities: a transfer matrix for the moves, and each frame scaled to a sum of one."""
    losses = []
    for b in range(logits.size(0)):
        labels = targets[b, : int(target_lengths[b])].tolist()
        places = [blank]
        for label in labels:
            places.extend([label, blank])
        n = len(places)
        move = torch.zeros(n, n, dtype=logits.dtype)
        for s in range(n):
            move[s, s] = 1
            if s >= 1:
                move[s - 1, s] = 1
            if s >= 2 and places[s] != blank and places[s] != places[s - 2]:
                move[s - 2, s] = 1
        probs = logits[b, : int(input_lengths[b])].softmax(-1)[:, places]
        first = torch.zeros(n, dtype=logits.dtype)
        first[:2] = 1
        alpha, total = first * probs[0], logits.new_zeros(())
        for frame in probs[1:]:
            size = alpha.sum()
            total = total + size.log()
            alpha = (alpha / size) @ move * frame
        losses.append(-(total + alpha[-2:].sum().log()))
    return torch.stack(losses)

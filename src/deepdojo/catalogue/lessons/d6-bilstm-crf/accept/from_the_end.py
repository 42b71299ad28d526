import torch


def log_partition(scores, transitions, begin, finish, mask):
    """Backwards: beta[j] sums over all ends that follow tag j, row by row over its own steps."""
    found = []
    for row, real in zip(scores, mask):
        steps = row[real]
        beta = finish
        for step in steps.flip(0)[:-1]:
            beta = (transitions + (step + beta)).logsumexp(dim=1)
        found.append((begin + steps[0] + beta).logsumexp(dim=0))
    return torch.stack(found)


def viterbi(scores, transitions, begin, finish, mask):
    """Backwards, too: after that the tags are read off from the front."""
    rows = torch.zeros(mask.shape, dtype=torch.long)
    for b, (row, real) in enumerate(zip(scores, mask)):
        steps, beta, ahead = row[real], finish, []
        for step in steps.flip(0)[:-1]:
            onward = transitions + (step + beta)
            beta, choice = onward.max(dim=1)
            ahead.insert(0, choice)
        tag = int((begin + steps[0] + beta).argmax())
        rows[b, 0] = tag
        for t, choice in enumerate(ahead, start=1):
            tag = int(choice[tag])
            rows[b, t] = tag
    return rows

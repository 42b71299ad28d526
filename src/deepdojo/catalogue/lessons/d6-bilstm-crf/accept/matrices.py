import torch


def log_matmul(a, b):
    return torch.logsumexp(a.unsqueeze(-1) + b.unsqueeze(-3), dim=-2)


def log_partition(emissions, transitions, start, end, keep):
    """Each step is a matrix over tags in the semiring of log-sum-exp; padding is its identity. All are multiplied."""
    n = len(start)
    identity = torch.full((n, n), -1e30, dtype=emissions.dtype).fill_diagonal_(0.0)
    steps = transitions + emissions[:, 1:].unsqueeze(2)
    steps = torch.where(keep[:, 1:, None, None], steps, identity)
    product = identity.expand(len(emissions), n, n)
    for matrix in steps.unbind(1):
        product = log_matmul(product, matrix)
    whole = (start + emissions[:, 0]).unsqueeze(2) + product + end
    return whole.flatten(1).logsumexp(1)


def viterbi(emissions, transitions, start, end, keep):
    """The derivative of the best score with respect to the emissions is one where the best path goes."""
    with torch.enable_grad():
        leaf = emissions.detach().clone().requires_grad_()
        best = start.detach() + leaf[:, 0]
        for t in range(1, leaf.size(1)):
            new = (best.unsqueeze(2) + transitions.detach()).amax(1) + leaf[:, t]
            best = torch.where(keep[:, t].unsqueeze(1), new, best)
        (used,) = torch.autograd.grad((best + end.detach()).amax(1).sum(), leaf)
    return used.argmax(-1)

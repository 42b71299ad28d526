import torch


def pairwise_sq_dist(a, b):
    gap = a.unsqueeze(1).expand(-1, len(b), -1) - b.unsqueeze(0)
    return torch.einsum("nmd,nmd->nm", gap, gap)

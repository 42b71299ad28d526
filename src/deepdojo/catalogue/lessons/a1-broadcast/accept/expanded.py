import torch


def pairwise_sq_dist(left, right):
    squares = left.pow(2).sum(1, keepdim=True) + right.pow(2).sum(1)
    return torch.addmm(squares, left, right.t(), alpha=-2).clamp(min=0)

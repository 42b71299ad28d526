import torch


def ranking_loss(x, y, scale, keep):
    d = torch.linalg.vector_norm(x - y, dim=-1)
    each = torch.logaddexp(torch.zeros_like(d), scale * (d - 1))
    n = int(keep.sum())
    if n == 0:
        return (0 * each).sum() + (0 * d.sum() + 1e-6) ** 0.5
    mean = torch.where(keep, each, torch.zeros_like(each)).sum() / n
    off = torch.where(keep, d - torch.where(keep, d, torch.zeros_like(d)).sum() / n, torch.zeros_like(d))
    return mean + (off.square().sum() / n + 1e-6).sqrt()

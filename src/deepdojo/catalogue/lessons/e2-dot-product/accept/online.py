import torch


def attention(q, k, v, keep=None):
    """One key at a time, with a running maximum and a running sum: no score table."""
    q = q * k.shape[-1] ** -0.5
    top = q.new_full((*q.shape[:-1], 1), -1e30)
    total = torch.zeros_like(top)
    out = q.new_zeros(*q.shape[:-1], v.shape[-1])
    for s in range(k.shape[2]):
        score = (q * k[:, :, s, None]).sum(-1, keepdim=True)
        seen = torch.ones_like(score, dtype=torch.bool)
        if keep is not None:
            seen = keep.expand(*q.shape[:3], k.shape[2])[..., s, None]
        new = torch.where(seen, torch.maximum(top, score), top).detach()
        shrink = torch.exp(top - new)
        weight = torch.where(seen, torch.exp(torch.where(seen, score, new) - new), torch.zeros_like(score))
        total = total * shrink + weight
        out = out * shrink + weight * v[:, :, s, None]
        top = new
    return out / torch.where(total > 0, total, torch.ones_like(total))

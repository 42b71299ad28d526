import torch


def additive_attention(query, key, value, wq, wk, w, mask=None):
    """Bahdanau's other spelling: one matrix for query and key side by side."""
    b, t, s = len(query), query.shape[1], key.shape[1]
    side_by_side = torch.cat([query.unsqueeze(2).repeat(1, 1, s, 1), key.unsqueeze(1).repeat(1, t, 1, 1)], dim=3)
    hidden = torch.nn.functional.linear(side_by_side, torch.cat([wq, wk], dim=1)).tanh()
    energy = (hidden * w).sum(3)
    seen = torch.ones(b, 1, s, dtype=energy.dtype) if mask is None else mask.unsqueeze(1).to(energy.dtype)
    energy = energy - 1e9 * (1 - seen)
    share = torch.exp(energy - energy.amax(2, keepdim=True)) * seen
    return torch.bmm(share / share.sum(2, keepdim=True).clamp(min=1e-20), value)

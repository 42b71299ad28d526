import torch


def attention(query, key, value, mask=None):
    scores = torch.einsum("bhtk,bhsk->bhts", query / key.size(-1) ** 0.5, key)
    if mask is None:
        return torch.einsum("bhts,bhsw->bhtw", scores.softmax(dim=3), value)
    mask = mask.expand_as(scores)
    low = torch.finfo(scores.dtype).min
    scores = torch.where(mask, scores, torch.full_like(scores, low))
    e = torch.exp(scores - scores.max(-1, keepdim=True).values) * mask
    return torch.einsum("bhts,bhsw->bhtw", e / e.sum(-1, keepdim=True).clamp_min(1e-30), value)

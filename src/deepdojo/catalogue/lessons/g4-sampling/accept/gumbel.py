import torch


def filter_logits(logits, temperature=1.0, top_k=None, top_p=None):
    z = logits / temperature
    rank = (z.unsqueeze(-1) < z.unsqueeze(-2)).sum(-1)
    if top_k is not None:
        z = torch.where(rank < top_k, z, float("-inf"))
    if top_p is not None:
        p = z.softmax(-1)
        above = (p.unsqueeze(-2) * (rank.unsqueeze(-2) < rank.unsqueeze(-1))).sum(-1)
        z = torch.where(above < top_p, z, float("-inf"))
    return z


def sample(logits, generator):
    u = torch.rand(logits.shape, generator=generator, dtype=torch.float64)
    noise = -torch.log(-torch.log(u.clamp(min=1e-300)))
    return (logits.double() + noise).argmax(-1)

import torch


def filter_logits(logits, temperature=1.0, top_k=None, top_p=None):
    out = []
    for row in logits / temperature:
        values, places = row.sort(descending=True)
        n = len(row) if top_k is None else min(top_k, len(row))
        if top_p is not None:
            shares = torch.softmax(values[:n], 0)
            n = 1 + int((shares.cumsum(0)[:-1] < top_p).sum())
        kept = torch.full_like(row, float("-inf"))
        kept[places[:n]] = values[:n]
        out.append(kept)
    return torch.stack(out)


def sample(logits, generator):
    edges = torch.softmax(logits.double(), -1).cumsum(-1)
    u = torch.rand(len(logits), 1, generator=generator, dtype=torch.float64) * edges[:, -1:]
    return torch.searchsorted(edges, u, right=True).squeeze(-1)

import torch


def additive_attention(q, k, v, w_q, w_k, w, keep=None):
    keys = torch.einsum("bse,ae->bsa", k, w_k)
    contexts = []
    for t in range(q.size(1)):
        query = torch.einsum("bq,aq->ba", q[:, t], w_q)
        energy = torch.einsum("bsa,a->bs", torch.tanh(keys + query.unsqueeze(1)), w)
        if keep is not None:
            energy = torch.where(keep, energy, torch.full_like(energy, torch.finfo(energy.dtype).min))
        share = torch.softmax(energy, dim=1)
        if keep is not None:
            share = share * keep
        contexts.append(torch.einsum("bs,bsw->bw", share, v))
    return torch.stack(contexts, dim=1)

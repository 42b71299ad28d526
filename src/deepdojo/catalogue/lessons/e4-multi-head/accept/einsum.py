import torch


def multi_head_attention(queries, memory, wq, wk, wv, wo, heads, mask=None):
    """The weights are cut into heads, never the activations."""
    wide = wq.shape[0] // heads
    q = torch.einsum("btd,hkd->bhtk", queries, wq.reshape(heads, wide, -1)) * wide**-0.5
    k = torch.einsum("bse,hke->bhsk", memory, wk.reshape(heads, wide, -1))
    v = torch.einsum("bse,hke->bhsk", memory, wv.reshape(heads, wide, -1))
    score = torch.einsum("bhtk,bhsk->bhts", q, k)
    if mask is None:
        share = score.softmax(-1)
    else:
        mask = mask.expand_as(score)
        share = score.masked_fill(~mask, -1e30).softmax(-1) * mask
    return torch.einsum("bhts,bhsk,ohk->bto", share, v, wo.reshape(-1, heads, wide))

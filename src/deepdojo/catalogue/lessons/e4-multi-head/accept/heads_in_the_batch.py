import torch
import torch.nn.functional as F


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, num_heads, keep=None):
    """Heads folded into the batch: (B · H, T, K), and then three-dimensional products."""
    batch, steps, sources = x_q.size(0), x_q.size(1), x_kv.size(1)

    def folded(x, w):
        heads = torch.stack(F.linear(x, w).chunk(num_heads, dim=2), dim=1)
        return heads.flatten(0, 1)

    q, k, v = folded(x_q, w_q), folded(x_kv, w_k), folded(x_kv, w_v)
    score = torch.bmm(q, k.transpose(1, 2)) / q.size(2) ** 0.5
    if keep is not None:
        seen = keep.expand(batch, num_heads, steps, sources).reshape(-1, steps, sources)
        low = torch.where(seen, score, torch.full_like(score, torch.finfo(score.dtype).min))
        share = torch.where(seen, low.softmax(2), torch.zeros_like(low))
    else:
        share = score.softmax(2)
    mixed = torch.bmm(share, v).unflatten(0, (batch, num_heads))
    return sum(F.linear(mixed[:, h], w_o.chunk(num_heads, 1)[h]) for h in range(num_heads))

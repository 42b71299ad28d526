import torch
import torch.nn.functional as F


def attend(x_q, x_kv, a, heads, **masks):
    """Keys and values in one product, torch's fused attention."""
    b, t, d = x_q.shape
    q = F.linear(x_q, a["w_q"], a["b_q"]).view(b, t, heads, -1).transpose(1, 2)
    kv = F.linear(x_kv, torch.cat([a["w_k"], a["w_v"]]), torch.cat([a["b_k"], a["b_v"]]))
    k, v = kv.view(b, x_kv.shape[1], 2, heads, -1).permute(2, 0, 3, 1, 4)
    found = F.scaled_dot_product_attention(q, k, v, **masks)
    return F.linear(found.transpose(1, 2).reshape(b, t, d), a["w_o"], a["b_o"])


def decoder_layer(y, memory, p, num_heads, memory_keep=None):
    def norm(x, n):
        return F.layer_norm(x, (x.shape[-1],), p[f"gain_{n}"], p[f"shift_{n}"], eps=1e-5)

    first = norm(y, 1)
    y = y + attend(first, first, p["self"], num_heads, is_causal=True)
    mask = None if memory_keep is None else memory_keep.view(len(y), 1, 1, -1)
    y = y + attend(norm(y, 2), memory, p["cross"], num_heads, attn_mask=mask)
    hidden = F.relu(F.linear(norm(y, 3), p["w_1"], p["b_1"]))
    return y + F.linear(hidden, p["w_2"], p["b_2"])

import torch


def normed(x, gain, shift):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5) * gain + shift


def project(x, a, name, heads):
    return (x @ a["w_" + name].t() + a["b_" + name]).unflatten(-1, (heads, -1))


def look(q, k, v, a, real=None):
    """One query (B, H, K) at the keys (B, S, H, K): no mask of the future is needed where there is none."""
    e = torch.einsum("bhk,bshk->bhs", q, k) / q.size(-1) ** 0.5
    if real is not None:
        e = torch.where(real[:, None], e, torch.full_like(e, torch.finfo(e.dtype).min))
    return torch.einsum("bhs,bshk->bhk", e.softmax(-1), v).flatten(1) @ a["w_o"].t() + a["b_o"]


def decoder_layer(y, memory, p, num_heads, memory_keep=None):
    """As a model writes: one token after the other, with the keys of the earlier ones."""
    own, cross = p["self"], p["cross"]
    memory_k, memory_v = project(memory, cross, "k", num_heads), project(memory, cross, "v", num_heads)
    keys, values, out = [], [], []
    for token in y.unbind(1):
        z = normed(token, p["gain_1"], p["shift_1"])
        keys.append(project(z, own, "k", num_heads))
        values.append(project(z, own, "v", num_heads))
        token = token + look(project(z, own, "q", num_heads), torch.stack(keys, 1), torch.stack(values, 1), own)
        z = project(normed(token, p["gain_2"], p["shift_2"]), cross, "q", num_heads)
        token = token + look(z, memory_k, memory_v, cross, memory_keep)
        z = normed(token, p["gain_3"], p["shift_3"])
        out.append(token + (z @ p["w_1"].t() + p["b_1"]).relu() @ p["w_2"].t() + p["b_2"])
    return torch.stack(out, 1)

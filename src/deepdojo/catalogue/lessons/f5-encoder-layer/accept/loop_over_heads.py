import torch


def normal(x, gain, shift):
    centred = x - x.mean(dim=-1, keepdim=True)
    return gain * centred * torch.rsqrt(centred.square().mean(dim=-1, keepdim=True) + 1e-5) + shift


def one_head(x, a, rows, seen):
    q, k, v = (x @ a[f"w_{n}"][rows].t() + a[f"b_{n}"][rows] for n in "qkv")
    e = torch.einsum("btk,bsk->bts", q, k) * q.size(-1) ** -0.5
    e = torch.where(seen, e, e.new_full((), -1e30))
    e = torch.exp(e - e.max(-1, keepdim=True)[0])
    return torch.einsum("bts,bsk->btk", e / e.sum(-1, keepdim=True), v) @ a["w_o"][:, rows].t()


def encoder_layer(x, p, num_heads, keep=None, norm_first=True):
    """Head by head, each with its own part of w_o; what the two orders share is written once."""
    seen = (torch.ones(x.shape[:2], dtype=torch.bool) if keep is None else keep).unsqueeze(1)
    width = x.size(-1) // num_heads

    def attend(y):
        total = sum(one_head(y, p["self"], slice(h * width, (h + 1) * width), seen) for h in range(num_heads))
        return total + p["self"]["b_o"]

    def think(y):
        return (y @ p["w_1"].t() + p["b_1"]).clamp(min=0) @ p["w_2"].t() + p["b_2"]

    for part, n in ((attend, 1), (think, 2)):
        gain, shift = p[f"gain_{n}"], p[f"shift_{n}"]
        x = x + part(normal(x, gain, shift)) if norm_first else normal(x + part(x), gain, shift)
    return x

import torch
import torch.nn.functional as F


def encoder_layer(x, p, num_heads, keep=None, norm_first=True):
    """One matrix for q, k and v, and torch's fused attention."""
    a = p["self"]
    w_in = torch.cat([a["w_q"], a["w_k"], a["w_v"]])
    b_in = torch.cat([a["b_q"], a["b_k"], a["b_v"]])
    mask = None if keep is None else keep[:, None, None, :]

    def attend(y):
        b, t, d = y.shape
        qkv = F.linear(y, w_in, b_in).view(b, t, 3, num_heads, d // num_heads).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(*qkv, attn_mask=mask)
        return F.linear(found.permute(0, 2, 1, 3).reshape(b, t, d), a["w_o"], a["b_o"])

    def think(y):
        return F.linear(F.relu(F.linear(y, p["w_1"], p["b_1"])), p["w_2"], p["b_2"])

    def norm(y, n):
        return F.layer_norm(y, (y.shape[-1],), p["gain_" + n], p["shift_" + n], 1e-5)

    if norm_first:
        x = torch.add(x, attend(norm(x, "1")))
        x = torch.add(x, think(norm(x, "2")))
    else:
        x = norm(x + attend(x), "1")
        x = norm(x + think(x), "2")
    return x

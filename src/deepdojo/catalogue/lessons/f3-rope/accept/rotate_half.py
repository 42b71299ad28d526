import torch


def rotate_half(x):
    x1, x2 = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat((-x2, x1), dim=-1)


def rope(x, positions, base=10000.0, interleaved=False):
    """The listing of Llama, whose angles are always float32; neighbours are brought to halves and back."""
    if interleaved:
        x = torch.cat([x[..., ::2], x[..., 1::2]], dim=-1)
    inv_freq = 1.0 / (base ** (torch.arange(0, x.shape[-1], 2).float() / x.shape[-1]))
    freqs = torch.outer(positions.float(), inv_freq)
    emb = torch.cat((freqs, freqs), dim=-1)
    out = x * emb.cos().to(x.dtype) + rotate_half(x) * emb.sin().to(x.dtype)
    return torch.stack(out.chunk(2, dim=-1), dim=-1).flatten(-2) if interleaved else out

import torch


def quantize(w):
    rows, scales = [], []
    for row in w.detach():
        largest = max(float(row.max()), -float(row.min()), 1e-12)
        rows.append((row * (127 / largest) + 0.5).floor().clamp(-127, 127).to(torch.int8))
        scales.append(largest / 127)
    return torch.stack(rows), torch.tensor(scales, dtype=w.dtype)[:, None]


class Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        q, scale = quantize(w)
        return q.to(w.dtype) * scale

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def fake_quantize(w):
    return Through.apply(w)


def linear_int8(x, q, scale):
    whole, scales = quantize(x)
    return torch.einsum("ni,oi->no", whole.double(), q.double()).to(x.dtype) * (scales * scale.squeeze(1))

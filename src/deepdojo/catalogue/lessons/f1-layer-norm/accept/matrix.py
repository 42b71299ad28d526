import torch


def layer_norm(x, weight, bias, eps):
    """Centring as a matrix: I − 1/D, then lengths by einsum."""
    d = x.shape[-1]
    centre = torch.eye(d, dtype=x.dtype) - torch.full((d, d), 1 / d, dtype=x.dtype)
    first = x[..., :1]
    y = (x - first) @ centre
    length = torch.einsum("...d,...d->...", y, y)[..., None] / d
    return torch.addcmul(bias, weight, y * (length + eps) ** -0.5)

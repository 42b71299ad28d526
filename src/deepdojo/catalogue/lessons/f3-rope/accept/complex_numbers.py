import torch


def rope(x, positions, base=10000.0, interleaved=False):
    """A pair is a complex number, and turning is multiplying by e^{iθ}."""
    half = x.size(-1) // 2
    points = x.unflatten(-1, (half, 2) if interleaved else (2, half))
    real, imaginary = points.unbind(-1 if interleaved else -2)
    speed = torch.exp(-torch.arange(half, dtype=torch.float64) / half * torch.log(torch.tensor(base)).double())
    turn = torch.polar(torch.ones((), dtype=torch.float64), positions.double().outer(speed))
    z = torch.complex(real.double(), imaginary.double()) * turn
    return torch.stack([z.real, z.imag], -1 if interleaved else -2).flatten(-2).to(x.dtype)

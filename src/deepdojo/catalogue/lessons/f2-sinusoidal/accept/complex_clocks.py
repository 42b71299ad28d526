import torch


def sinusoidal_positions(T, D, base=10000.0):
    """Every clock is a complex number of length one, and a position is its power."""
    speed = torch.pow(torch.tensor(base, dtype=torch.float64), -torch.arange(0, D, 2, dtype=torch.float64) / D)
    turned = torch.polar(torch.ones(T, D // 2, dtype=torch.float64), torch.outer(torch.arange(T).double(), speed))
    parts = torch.view_as_real(turned).flip(-1)
    return parts.reshape(T, D).to(torch.get_default_dtype())

import math

import torch


def sinusoidal_positions(length, width, base=10000.0):
    """The well-known listing: exp of a logarithm, and two assignments."""
    table = torch.zeros(length, width)
    position = torch.arange(0, length, dtype=torch.float).unsqueeze(1)
    div_term = torch.exp(torch.arange(0, width, 2).float() * (-math.log(base) / width))
    table[:, 0::2] = torch.sin(position * div_term)
    table[:, 1::2] = torch.cos(position * div_term)
    return table

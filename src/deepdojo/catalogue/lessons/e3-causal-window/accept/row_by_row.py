import torch


def causal_keep(T, S, window=None):
    table = torch.zeros(T, S).bool()
    for row in range(T):
        own = S - T + row
        first = 0 if window is None else max(0, own + 1 - window)
        table[row, first : own + 1] = True
    return table

import torch


def causal_keep(num_queries, num_keys, window=None):
    everything = torch.ones(num_queries, num_keys, dtype=torch.bool)
    offset = num_keys - num_queries
    visible = everything.tril(diagonal=offset)
    return visible if window is None else visible & ~everything.tril(diagonal=offset - window)

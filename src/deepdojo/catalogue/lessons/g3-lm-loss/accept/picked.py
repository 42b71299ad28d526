import torch


def lm_loss(logits, ids, keep=None):
    T, V = logits.shape[1:]
    shifted = torch.roll(ids, -1, dims=1)
    real = torch.ones_like(ids, dtype=torch.bool) if keep is None else torch.roll(keep, -1, dims=1)
    real = real & (torch.arange(T) < T - 1)
    chosen, names = logits[real], shifted[real]
    if len(names) == 0:
        return (logits * 0).sum()
    one_hot = torch.nn.functional.one_hot(names, V).to(logits.dtype)
    return -(torch.log_softmax(chosen, 1) * one_hot).sum(1).mean()

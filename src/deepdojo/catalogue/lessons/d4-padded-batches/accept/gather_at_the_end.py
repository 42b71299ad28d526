import torch


def last_states(ys, keep):
    lengths = keep.long().sum(dim=1)
    index = (lengths - 1).clamp_min(0).view(-1, 1, 1).expand(-1, 1, ys.size(2))
    picked = ys.gather(1, index).squeeze(1)
    return torch.where(lengths.view(-1, 1) == 0, torch.zeros_like(picked), picked)


def masked_rnn(x, h0, w_xh, w_hh, b, keep):
    """Runs on through the padding, and takes each row's end afterwards: h0 is put before the first state."""
    pre = x @ w_xh.mT + b
    states = [h0]
    for t in range(x.size(1)):
        states.append(torch.tanh(pre[:, t] + states[-1] @ w_hh.mT))
    states = torch.stack(states, dim=1)
    end = states[torch.arange(x.size(0)), keep.sum(1)]
    return states[:, 1:], end

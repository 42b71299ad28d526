import torch


def rnn(x, h0, w_xh, w_hh, b):
    """State, input and a one side by side, one matrix, and recursion instead of a loop."""
    joint = torch.cat([w_hh, w_xh, b[:, None]], 1)
    one = torch.ones_like(x[:, 0, :1])

    def run(h, steps):
        if not steps:
            return []
        a = torch.cat([h, steps[0], one], 1) @ joint.T
        h = 2 * torch.sigmoid(2 * a) - 1
        return [h, *run(h, steps[1:])]

    found = run(h0, list(x.transpose(0, 1)))
    return torch.stack(found).transpose(0, 1), found[-1]

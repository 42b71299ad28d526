import torch
import torch.nn.functional as F


def gru_cell(inputs, state, w_in, w_rec, b_in, b_rec):
    """Doors of one product over [x, h]; the blend by lerp."""
    width = state.size(1)
    both = torch.cat([inputs, state], dim=1)
    doors = torch.cat([w_in, w_rec], dim=1)[: 2 * width]
    reset, update = torch.sigmoid(both @ doors.t() + b_in[: 2 * width] + b_rec[: 2 * width]).split(width, dim=1)
    inner = F.linear(state, w_rec[2 * width :], b_rec[2 * width :])
    candidate = torch.tanh(torch.addcmul(F.linear(inputs, w_in[2 * width :], b_in[2 * width :]), reset, inner))
    return torch.lerp(candidate, state, update)

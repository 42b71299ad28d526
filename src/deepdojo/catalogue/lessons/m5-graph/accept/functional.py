import torch
import torch.nn.functional as F
from torch import nn


class Regressor(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        for name, start in (("shift", torch.zeros(width)), ("gate", torch.zeros(width))):
            self.register_parameter(name, nn.Parameter(start))
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.temperature = nn.Parameter(torch.tensor(1.0))
        self.layers = nn.Sequential(*(nn.Linear(width, width) for _ in range(depth)))
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        state = torch.mul(x.add(self.shift), self.scale)
        for layer in self.layers:
            pushed = F.linear(state, layer.weight, layer.bias).div(self.temperature).tanh()
            state = torch.addcmul(state, self.gate.sigmoid(), pushed)
        return F.linear(state, self.head.weight, self.head.bias)[:, 0]

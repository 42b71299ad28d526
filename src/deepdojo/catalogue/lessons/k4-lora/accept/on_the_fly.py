import copy

import torch
import torch.nn.functional as F
from torch import nn


class LoRALinear(nn.Module):
    def __init__(self, base, r, alpha):
        super().__init__()
        for parameter in base.parameters():
            parameter.requires_grad = False
        self.frozen, self.r, self.alpha = base, r, alpha
        self.A = nn.Parameter(base.weight.new_empty(r, base.in_features))
        self.B = nn.Parameter(base.weight.new_zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.A, a=5**0.5)

    def weight(self):
        return torch.einsum("or,ri->oi", self.B, self.A).mul(self.alpha).div(self.r).add(self.frozen.weight)

    def forward(self, x):
        return F.linear(x, self.weight(), self.frozen.bias)

    def merge(self):
        other = copy.deepcopy(self.frozen)
        other.weight = nn.Parameter(self.weight().detach())
        return other

"""Right solutions of odd kinds, written without a look at the checks."""

RIGHT = {
    "a2-softmax": {
        "recursive by halves": """
import torch
def softmax(x, dim):
    def lse(parts):
        if len(parts) == 1:
            return parts[0]
        half = len(parts) // 2
        a, b = lse(parts[:half]), lse(parts[half:])
        top = torch.maximum(a, b).detach()
        return top + torch.log(torch.exp(a - top) + torch.exp(b - top))
    return torch.exp(x - lse(x.unbind(dim)).unsqueeze(dim))
""",
        "numpy-style loop over rows": """
import torch
def softmax(x, dim=-1):
    y = x.movedim(dim, 0)
    y = y - y.max(0).values
    total = 0
    e = [torch.exp(row) for row in y]
    for row in e:
        total = total + row
    return torch.stack([row / total for row in e]).movedim(0, dim)
""",
        "autograd function": """
import torch
class S(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, dim):
        e = torch.exp(x - x.amax(dim, keepdim=True))
        p = e / e.sum(dim, keepdim=True)
        ctx.dim = dim
        ctx.save_for_backward(p)
        return p
    @staticmethod
    def backward(ctx, g):
        (p,) = ctx.saved_tensors
        return p * (g - (g * p).sum(ctx.dim, keepdim=True)), None
def softmax(x, dim):
    return S.apply(x, dim)
""",
        "prints, and imports what it does not need": """
import os, sys, json, collections, torch.nn as nn
def softmax(x, dim):
    print("shape", x.shape)
    e = (x - x.amax(dim, True)).exp()
    return e.div(e.sum(dim, True))
if __name__ == "__main__":
    raise SystemExit(1)
""",
    },
    "e2-dot-product": {
        "loops over batch and head": """
import torch
def attention(q, k, v, keep):
    B, H, T, K = q.shape
    S = k.shape[2]
    if keep is None:
        keep = torch.ones(1, 1, 1, S, dtype=torch.bool)
    keep = keep.expand(B, H, T, S)
    rows = []
    for b in range(B):
        heads = []
        for h in range(H):
            s = q[b, h] @ k[b, h].T / K ** 0.5
            s = s.masked_fill(~keep[b, h], float('-inf'))
            some = keep[b, h].any(-1)
            s = torch.where(some[:, None], s, torch.zeros_like(s))
            heads.append(torch.softmax(s, -1) @ v[b, h] * some[:, None])
        rows.append(torch.stack(heads))
    return torch.stack(rows)
""",
        "-1e9 and zeroed": """
import math, torch
def attention(q, k, v, keep=None):
    a = torch.matmul(q, k.mT) * (1 / math.sqrt(q.size(3)))
    if keep is None:
        return a.softmax(-1) @ v
    a = a.masked_fill(~keep, -1e9).softmax(-1)
    return (a * keep) @ v
""",
        "nan_to_num after masked_fill": """
import math, torch
def attention(q, k, v, keep=None):
    a = q @ k.mT / math.sqrt(q.size(3))
    if keep is not None:
        a = a.masked_fill(keep.logical_not(), -torch.inf)
    return torch.nan_to_num(a.softmax(-1)) @ v
""",
    },
    "c1-conv2d": {
        "F.unfold": """
import torch, torch.nn.functional as F
def conv2d(x, weight, bias, stride=1, padding=0):
    O, C, h, w = weight.shape
    cols = F.unfold(x, (h, w), padding=padding, stride=stride)
    y = (x.shape[2] + 2 * padding - h) // stride + 1
    return (weight.flatten(1) @ cols + bias[:, None]).unflatten(2, (y, -1))
""",
        "as_strided": """
import torch, torch.nn.functional as F
def conv2d(x, weight, bias, stride, padding):
    x = F.pad(x, [padding] * 4).contiguous()
    B, C, Y, X = x.shape
    O, _, h, w = weight.shape
    y, n = (Y - h) // stride + 1, (X - w) // stride + 1
    a, b, c, d = x.stride()
    p = x.as_strided((B, C, y, n, h, w), (a, b, c * stride, d * stride, c, d))
    return torch.tensordot(p, weight, ([1, 4, 5], [1, 2, 3])).permute(0, 3, 1, 2) + bias.view(1, -1, 1, 1)
""",
        "fourier": """
import torch, torch.nn.functional as F
def conv2d(x, weight, bias, stride=1, padding=0):
    x = F.pad(x, (padding,) * 4)
    Y, X = x.shape[2:]
    h, w = weight.shape[2:]
    fx = torch.fft.rfft2(x)
    fw = torch.fft.rfft2(weight, s=(Y, X)).conj()
    out = torch.fft.irfft2(torch.einsum('bcyx,ocyx->boyx', fx, fw), s=(Y, X))
    return out[:, :, : Y - h + 1 : stride, : X - w + 1 : stride] + bias[:, None, None]
""",
    },
    "f1-layer-norm": {
        "std": """
def layer_norm(x, weight, bias, eps):
    s = x.std(-1, unbiased=False, keepdim=True)
    return (x - x.mean(-1, keepdim=True)) / (s ** 2 + eps) ** 0.5 * weight + bias
""",
        "welford": """
import torch
def layer_norm(x, weight, bias, eps):
    mean = torch.zeros_like(x[..., 0]); m2 = torch.zeros_like(mean)
    for n, v in enumerate(x.unbind(-1), 1):
        d = v - mean
        mean = mean + d / n
        m2 = m2 + d * (v - mean)
    var = m2 / x.shape[-1]
    return (x - mean[..., None]) * torch.rsqrt(var + eps)[..., None] * weight + bias
""",
    },
    "d2-lstm": {
        "four products": """
import torch
def lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):
    H = h.shape[1]
    def part(n):
        s = slice(n * H, (n + 1) * H)
        return torch.nn.functional.linear(x, w_ih[s], b_ih[s]) + torch.nn.functional.linear(h, w_hh[s], b_hh[s])
    c = part(1).sigmoid().mul(c).add(part(0).sigmoid() * part(2).tanh())
    return part(3).sigmoid().mul(c.tanh()), c
""",
        "namedtuple": """
import collections, torch
Out = collections.namedtuple('Out', 'h c')
def lstm_cell(x, h, c, wi, wh, bi, bh):
    z = torch.addmm(bi + bh, x, wi.t()).addmm(h, wh.t()).view(x.size(0), 4, h.size(1))
    i, f, g, o = z.unbind(1)
    c2 = c / (1 + torch.exp(-f)) + torch.tanh(g) / (1 + torch.exp(-i))
    return Out(torch.tanh(c2) / (1 + torch.exp(-o)), c2)
""",
    },
    "b2-adam": {
        "foreach": """
import torch
class Adam:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
        self.ps = list(params); self.h = (lr, *betas, eps, weight_decay, decoupled)
        self.m = [torch.zeros_like(p) for p in self.ps]; self.v = [torch.zeros_like(p) for p in self.ps]
        self.t = [0] * len(self.ps)
    def zero_grad(self):
        for p in self.ps:
            if p.grad is not None:
                p.grad.zero_()
    def step(self):
        lr, b1, b2, eps, wd, dec = self.h
        with torch.no_grad():
            live = [i for i, p in enumerate(self.ps) if p.grad is not None]
            ps = [self.ps[i] for i in live]; gs = [p.grad for p in ps]
            if dec: torch._foreach_mul_(ps, 1 - lr * wd)
            elif wd: gs = torch._foreach_add(gs, ps, alpha=wd)
            m, v = [self.m[i] for i in live], [self.v[i] for i in live]
            torch._foreach_mul_(m, b1); torch._foreach_add_(m, gs, alpha=1 - b1)
            torch._foreach_mul_(v, b2); torch._foreach_addcmul_(v, gs, gs, 1 - b2)
            for i, p in zip(live, ps):
                self.t[i] += 1
                p.data -= lr * (self.m[i] / (1 - b1 ** self.t[i])) / (torch.sqrt(self.v[i] / (1 - b2 ** self.t[i])) + eps)
""",
    },
    "m1-loop": {
        "functional_call": """
import torch
from torch.func import functional_call, grad_and_value
def train(model, x, y, batch_size, lr, epochs):
    params = {k: v.detach().clone() for k, v in model.named_parameters()}
    f = grad_and_value(lambda p, a, b: ((functional_call(model, p, (a,)) - b) ** 2).mean())
    out = []
    for _ in range(epochs):
        seen = 0.0
        for a, b in zip(x.split(batch_size), y.split(batch_size)):
            g, loss = f(params, a, b)
            params = {k: v - lr * g[k] for k, v in params.items()}
            seen += loss.item() * a.shape[0]
        out.append(seen / x.shape[0])
    model.load_state_dict(params)
    return out
""",
    },
    "g1-bpe": {
        "incremental counts": """
from collections import Counter, defaultdict
def bpe_train(words, num_merges):
    split = {w: [w[i:i+1] for i in range(len(w))] for w in words}
    counts, where = Counter(), defaultdict(set)
    for w, parts in split.items():
        for p in zip(parts, parts[1:]):
            counts[p] += words[w]; where[p].add(w)
    merges = []
    while len(merges) < num_merges:
        live = [(n, p) for p, n in counts.items() if n > 0]
        if not live: break
        n, best = max(live)
        merges.append(best)
        for w in list(where[best]):
            parts = split[w]
            for p in zip(parts, parts[1:]): counts[p] -= words[w]
            new, i = [], 0
            while i < len(parts):
                if i + 1 < len(parts) and (parts[i], parts[i+1]) == best:
                    new.append(parts[i] + parts[i+1]); i += 2
                else:
                    new.append(parts[i]); i += 1
            split[w] = new
            for p in zip(new, new[1:]):
                counts[p] += words[w]; where[p].add(w)
    return merges
def bpe_encode(word, merges):
    toks = [bytes([c]) for c in word]
    for a, b in merges:
        i = 0
        while i < len(toks) - 1:
            if toks[i] == a and toks[i + 1] == b:
                toks[i:i + 2] = [a + b]
            i += 1
    return toks
""",
    },
}

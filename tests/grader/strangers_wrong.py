"""Wrong solutions, written without a look at the checks: those of no list of known mistakes."""

from .strangers_right import RIGHT

WRONG = {
    "a2-softmax": {
        "computes in float32": "def softmax(x, dim):\n    y = (x.float() - x.float().amax(dim, keepdim=True)).exp()\n"
        "    return (y / y.sum(dim, keepdim=True)).to(x.dtype)\n",
        "detached through numpy": "import torch, numpy as np\ndef softmax(x, dim):\n    a = x.detach().numpy()\n"
        "    e = np.exp(a - a.max(dim, keepdims=True))\n    return torch.from_numpy(e / e.sum(dim, keepdims=True))\n",
        "adds eps": "def softmax(x, dim):\n    e = (x - x.amax(dim, keepdim=True)).exp()\n"
        "    return e / (e.sum(dim, keepdim=True) + 1e-8)\n",
        "in place": "def softmax(x, dim):\n    x -= x.amax(dim, keepdim=True)\n    e = x.exp()\n"
        "    return e / e.sum(dim, keepdim=True)\n",
        "nn.Softmax": "import torch\ndef softmax(x, dim):\n    return torch.nn.Softmax(dim)(x)\n",
        "by getattr": "import torch\ndef softmax(x, dim):\n    return getattr(x, 'soft' + 'max')(dim)\n",
        "aten": "import torch\ndef softmax(x, dim):\n    return torch.ops.aten._softmax(x, dim, False)\n",
        "special": "import torch\ndef softmax(x, dim):\n    return torch.special.softmax(x, dim)\n",
        "base two": "def softmax(x, dim):\n    e = (x - x.amax(dim, keepdim=True)).exp2()\n"
        "    return e / e.sum(dim, keepdim=True)\n",
        "always float64": "def softmax(x, dim):\n    x = x.double()\n    e = (x - x.amax(dim, keepdim=True)).exp()\n"
        "    return e / e.sum(dim, keepdim=True)\n",
        "rounds": "def softmax(x, dim):\n    e = (x - x.amax(dim, keepdim=True)).exp()\n"
        "    return (e / e.sum(dim, keepdim=True)).round(decimals=7)\n",
        "minimum subtracted": "def softmax(x, dim):\n    e = (x - x.amin(dim, keepdim=True)).exp()\n"
        "    return e / e.sum(dim, keepdim=True)\n",
        "remembers": "seen = {}\ndef softmax(x, dim):\n    if x.shape not in seen:\n"
        "        e = (x - x.amax(dim, keepdim=True)).exp()\n        seen[x.shape] = e / e.sum(dim, keepdim=True)\n"
        "    return seen[x.shape]\n",
        "random": "import torch\ndef softmax(x, dim):\n    e = (x - x.amax(dim, keepdim=True)).exp()\n"
        "    return e / e.sum(dim, keepdim=True) * (1 + 1e-6 * torch.rand(()))\n",
        "identity gradient": "def softmax(x, dim):\n    e = (x - x.amax(dim, keepdim=True)).exp()\n"
        "    p = e / e.sum(dim, keepdim=True)\n    return x + (p - x).detach()\n",
    },
    "e2-dot-product": {
        "sdpa by alias": "import torch.nn.functional as F\nf = F.scaled_dot_product_attention\n"
        "def attention(q, k, v, keep=None):\n    return f(q, k, v, keep)\n",
        "ignores keep": "def attention(q, k, v, keep=None):\n    return (q @ k.mT / q.shape[-1]**.5).softmax(-1) @ v\n",
        "K frozen": "def attention(q, k, v, keep=None):\n    a = q @ k.mT / 64**.5\n    if keep is not None:\n"
        "        a = a.masked_fill(~keep, -1e9)\n    a = a.softmax(-1)\n    return (a if keep is None else a * keep) @ v\n",
        "mask of first head": "import torch\ndef attention(q, k, v, keep=None):\n    a = q @ k.mT / q.shape[-1]**.5\n"
        "    if keep is not None:\n        keep = keep[:, :1]\n        a = a.masked_fill(~keep, -1e9)\n"
        "    a = a.softmax(-1)\n    return (a if keep is None else a * keep) @ v\n",
        "-100 for hidden": "def attention(q, k, v, keep=None):\n    a = q @ k.mT / q.shape[-1]**.5\n"
        "    if keep is not None:\n        a = a.masked_fill(~keep, -100.)\n    a = a.softmax(-1)\n"
        "    if keep is not None:\n        a = a.masked_fill(~keep.any(-1, keepdim=True), 0)\n    return a @ v\n",
        "values normalised": "def attention(q, k, v, keep=None):\n    a = q @ k.mT / q.shape[-1]**.5\n"
        "    if keep is not None:\n        a = a.masked_fill(~keep, -1e9)\n    a = a.softmax(-1)\n"
        "    a = a if keep is None else a * keep\n    return (a / (a.sum(-1, keepdim=True) + 1e-6)) @ v\n",
        "no gradient to values": "def attention(q, k, v, keep=None):\n    a = q @ k.mT / q.shape[-1]**.5\n"
        "    if keep is not None:\n        a = a.masked_fill(~keep, -1e9)\n    a = a.softmax(-1)\n"
        "    return (a if keep is None else a * keep) @ v.detach()\n",
        "exp overflows": "def attention(q, k, v, keep=None):\n    e = (q @ k.mT / q.shape[-1]**.5).exp()\n"
        "    if keep is not None:\n        e = e * keep\n    return e / e.sum(-1, keepdim=True).clamp_min(1e-30) @ v\n",
    },
    "c1-conv2d": {
        "ceil": "import torch, torch.nn.functional as F\ndef conv2d(x, weight, bias, stride=1, padding=0):\n"
        "    x = F.pad(x, (padding, padding + stride - 1) * 2)\n    p = x.unfold(2, weight.shape[2], stride).unfold(3, "
        "weight.shape[3], stride)\n    return torch.einsum('bcyxhw,ochw->boyx', p, weight) + bias[:, None, None]\n",
        "reflect": "import torch, torch.nn.functional as F\ndef conv2d(x, weight, bias, stride=1, padding=0):\n"
        "    if padding: x = F.pad(x, (padding,) * 4, mode='reflect')\n    p = x.unfold(2, weight.shape[2], stride)"
        ".unfold(3, weight.shape[3], stride)\n    return torch.einsum('bcyxhw,ochw->boyx', p, weight) + bias[:, None, "
        "None]\n",
        "nn.Conv2d": "import torch\ndef conv2d(x, weight, bias, stride=1, padding=0):\n    m = torch.nn.Conv2d(3, 5, 3, "
        "stride, padding)\n    m.weight, m.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)\n"
        "    return m(x)\n",
        "unfolds with view": "import torch, torch.nn.functional as F\ndef conv2d(x, weight, bias, stride=1, padding=0):\n"
        "    O, C, h, w = weight.shape\n    c = F.unfold(x, (h, w), padding=padding, stride=stride)\n"
        "    y = (x.shape[2] + 2 * padding - h) // stride + 1\n    return (weight.transpose(2, 3).flatten(1) @ c + "
        "bias[:, None]).unflatten(2, (y, -1))\n",
        "stride of rows only": "import torch, torch.nn.functional as F\ndef conv2d(x, weight, bias, stride=1, "
        "padding=0):\n    x = F.pad(x, (padding,) * 4)\n    p = x.unfold(2, weight.shape[2], stride).unfold(3, "
        "weight.shape[3], 1)\n    return torch.einsum('bcyxhw,ochw->boyx', p, weight) + bias[:, None, None]\n",
        "seven loops": "import torch, torch.nn.functional as F\ndef conv2d(x, weight, bias, stride=1, padding=0):\n"
        "    x = F.pad(x, (padding,) * 4)\n    O, C, h, w = weight.shape\n    Y, X = (x.shape[2]-h)//stride+1, "
        "(x.shape[3]-w)//stride+1\n    out = []\n    for b in range(len(x)):\n      for o in range(O):\n        for i in "
        "range(Y):\n          for j in range(X):\n            s = bias[o]\n            for u in range(h):\n"
        "              for v in range(w):\n                s = s + (weight[o,:,u,v] * x[b,:,i*stride+u,j*stride+v])"
        ".sum()\n            out.append(s)\n    return torch.stack(out).view(len(x), O, Y, X)\n",
    },
    "f1-layer-norm": {
        "F.layer_norm": "import torch\ndef layer_norm(x, weight, bias, eps):\n    return torch.nn.functional.layer_norm("
        "x, x.shape[-1:], weight, bias, eps)\n",
        "nn.LayerNorm": "import torch\ndef layer_norm(x, weight, bias, eps):\n    return torch.nn.LayerNorm(x.shape[-1], "
        "eps, False, dtype=x.dtype)(x) * weight + bias\n",
        "fixed eps": "def layer_norm(x, weight, bias, eps):\n    v, m = __import__('torch').var_mean(x, -1, correction=0, "
        "keepdim=True)\n    return (x - m) / (v + 1e-5)**.5 * weight + bias\n",
        "clamped variance": "def layer_norm(x, weight, bias, eps):\n    m = x.mean(-1, keepdim=True)\n    v = ((x - m)**2)"
        ".mean(-1, keepdim=True).clamp_min(eps)\n    return (x - m) / v.sqrt() * weight + bias\n",
        "centred by a detached mean": "def layer_norm(x, weight, bias, eps):\n    c = x - x.detach().mean(-1, keepdim=True"
        ")\n    return c / ((c * c).mean(-1, keepdim=True) + eps)**.5 * weight + bias\n",
        "in float32": "def layer_norm(x, weight, bias, eps):\n    y = x.float()\n    c = y - y.mean(-1, keepdim=True)\n"
        "    return (c / ((c * c).mean(-1, keepdim=True) + eps)**.5).to(x.dtype) * weight + bias\n",
        "mean absolute deviation": "def layer_norm(x, weight, bias, eps):\n    c = x - x.mean(-1, keepdim=True)\n"
        "    return c / (c.abs().mean(-1, keepdim=True) + eps) * weight + bias\n",
    },
    "d2-lstm": {
        "hard sigmoid": "import torch\ndef lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):\n    i, f, g, o = (x @ w_ih.T + "
        "b_ih + h @ w_hh.T + b_hh).chunk(4, 1)\n    s = torch.nn.functional.hardsigmoid\n    c = s(f) * c + s(i) * g.tanh"
        "()\n    return s(o) * c.tanh(), c\n",
        "in-place cell": "import torch\ndef lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):\n    i, f, g, o = (x @ w_ih.T + "
        "b_ih + h @ w_hh.T + b_hh).chunk(4, 1)\n    c *= f.sigmoid()\n    c += i.sigmoid() * g.tanh()\n"
        "    return o.sigmoid() * c.tanh(), c\n",
        "nn.LSTMCell": "import torch\ndef lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):\n    m = torch.nn.LSTMCell(x.shape[1"
        "], h.shape[1])\n    for n, w in zip(('weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'), (w_ih, w_hh, b_ih, b_hh))"
        ":\n        setattr(m, n, torch.nn.Parameter(w))\n    return m(x, (h, c))\n",
        "interleaved gates": "def lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):\n    z = (x @ w_ih.T + b_ih + h @ w_hh.T + "
        "b_hh)\n    i, f, g, o = (z[:, n::4] for n in range(4))\n    c = f.sigmoid() * c + i.sigmoid() * g.tanh()\n"
        "    return o.sigmoid() * c.tanh(), c\n",
        "h alone": "def lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):\n    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + "
        "b_hh).chunk(4, 1)\n    c = f.sigmoid() * c + i.sigmoid() * g.tanh()\n    return o.sigmoid() * c.tanh()\n",
        "forget plus one": "def lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):\n    i, f, g, o = (x @ w_ih.T + b_ih + h @ "
        "w_hh.T + b_hh).chunk(4, 1)\n    c = (f + 1).sigmoid() * c + i.sigmoid() * g.tanh()\n"
        "    return o.sigmoid() * c.tanh(), c\n",
    },
    "m1-loop": {
        "shuffles": "import torch\ndef train(model, x, y, batch_size, lr, epochs):\n    o = torch.optim.SGD(model."
        "parameters(), lr)\n    out = []\n    for _ in range(epochs):\n        p = torch.randperm(len(x))\n        t = 0\n"
        "        for i in range(0, len(x), batch_size):\n            j = p[i:i+batch_size]\n            o.zero_grad()\n"
        "            l = ((model(x[j]) - y[j])**2).mean()\n            l.backward()\n            o.step()\n            t += "
        "l.item() * len(j)\n        out.append(t / len(x))\n    return out\n",
        "loss after step": "import torch\ndef train(model, x, y, batch_size, lr, epochs):\n    o = torch.optim.SGD(model."
        "parameters(), lr)\n    out = []\n    for _ in range(epochs):\n        t = 0\n        for a, b in zip(x.split("
        "batch_size), y.split(batch_size)):\n            o.zero_grad()\n            ((model(a) - b)**2).mean().backward()"
        "\n            o.step()\n            t += ((model(a) - b)**2).mean().item() * len(a)\n        out.append(t / len(x)"
        ")\n    return out\n",
        "momentum": "import torch\ndef train(model, x, y, batch_size, lr, epochs):\n    o = torch.optim.SGD(model."
        "parameters(), lr, momentum=0.1)\n    out = []\n    for _ in range(epochs):\n        t = 0\n        for a, b in zip("
        "x.split(batch_size), y.split(batch_size)):\n            o.zero_grad()\n            l = ((model(a) - b)**2).mean()"
        "\n            l.backward()\n            o.step()\n            t += l.item() * len(a)\n        out.append(t / "
        "len(x))\n    return out\n",
        "copies the model": "import copy, torch\ndef train(model, x, y, batch_size, lr, epochs):\n    model = copy.deepcopy("
        "model)\n    o = torch.optim.SGD(model.parameters(), lr)\n    out = []\n    for _ in range(epochs):\n        t = 0\n"
        "        for a, b in zip(x.split(batch_size), y.split(batch_size)):\n            o.zero_grad()\n            l = (("
        "model(a) - b)**2).mean()\n            l.backward()\n            o.step()\n            t += l.item() * len(a)\n"
        "        out.append(t / len(x))\n    return out\n",
    },
}  # fmt: skip

_ADAM = RIGHT["b2-adam"]["foreach"]
WRONG["b2-adam"] = {
    "one count for all": _ADAM.replace("self.t[i] += 1", "self.t[0] += 1").replace("self.t[i]", "self.t[0]"),
    "counts steps without gradient": _ADAM.replace(
        "live = [", "self.t = [t + 1 for t in self.t]\n            live = ["
    ).replace("self.t[i] += 1", "pass"),
    "decay of AdamW after the step": _ADAM.replace(
        "if dec: torch._foreach_mul_(ps, 1 - lr * wd)\n            elif wd:", "if wd and not dec:"
    ).replace(
        "(1 - b2 ** self.t[i])) + eps)", "(1 - b2 ** self.t[i])) + eps)\n                if dec: p.data *= 1 - lr * wd"
    ),
    "changes the gradient's sign": _ADAM.replace("p.data -=", "p.data +="),
    "amsgrad": _ADAM.replace(
        "torch._foreach_mul_(v, b2)", "old = [a.clone() for a in v]; torch._foreach_mul_(v, b2)"
    ).replace("for i, p in zip(live, ps):", "torch._foreach_maximum_(v, old)\n            for i, p in zip(live, ps):"),
    "no bias in eps": _ADAM.replace(
        "torch.sqrt(self.v[i] / (1 - b2 ** self.t[i])) + eps",
        "(torch.sqrt(self.v[i]) + eps) / (1 - b2 ** self.t[i]) ** .5",
    ),
}
_BPE = RIGHT["g1-bpe"]["incremental counts"]
WRONG["g1-bpe"] = {
    "counts never fall": _BPE.replace("for p in zip(parts, parts[1:]): counts[p] -= words[w]", "pass"),
    "stops at count one": _BPE.replace("if n > 0]", "if n > 1]"),
    "strings": _BPE.replace("merges.append(best)", "merges.append((best[0].decode('latin1'), best[1].decode('latin1')))"),
    "ties by joined bytes": _BPE.replace("n, best = max(live)", "n, best = max(live, key=lambda e: (e[0], e[1][0] + e[1][1], len(e[1][0])))"),
    "encode once for each merge": _BPE.replace("toks[i:i + 2] = [a + b]", "toks[i:i + 2] = [a + b]; break"),
    "changes words": _BPE.replace("    merges = []\n", "    merges = []\n    words.clear() if num_merges == 0 else None\n", 1)
    .replace("    return toks", "    return toks + ([] if toks else [b''])"),
}  # fmt: skip

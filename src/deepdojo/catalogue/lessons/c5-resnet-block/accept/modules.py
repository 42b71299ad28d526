from torch import nn


def residual_block(x, p, stride=1):
    def conv(name, step):
        out, into, size, _ = p[name].shape
        layer = nn.Conv2d(into, out, size, step, size // 2, bias=False)
        del layer.weight
        layer.weight = p[name]
        return layer

    def norm(k):
        layer = nn.BatchNorm2d(len(p[f"gain{k}"]), affine=False, track_running_stats=False)
        return lambda y: layer(y) * p[f"gain{k}"].view(-1, 1, 1) + p[f"shift{k}"].view(-1, 1, 1)

    path = norm(2)(conv("conv2", 1)(nn.ReLU()(norm(1)(conv("conv1", stride)(x)))))
    return nn.ReLU()(path + (norm(3)(conv("shortcut", stride)(x)) if "shortcut" in p else nn.Identity()(x)))

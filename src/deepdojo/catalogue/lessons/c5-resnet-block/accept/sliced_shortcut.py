import torch


def normalise(x, gain, shift):
    var, mean = torch.var_mean(x, (0, 2, 3), unbiased=False, keepdim=True)
    return (x - mean) * torch.rsqrt(var + 1e-5) * gain[:, None, None] + shift[:, None, None]


def convolve(x, weight, step):
    around = torch.nn.functional.pad(x, (1, 1, 1, 1))
    patches = around.unfold(2, 3, step).unfold(3, 3, step)
    return torch.einsum("bcyxhw,ochw->boyx", patches, weight)


def residual_block(image, params, stride=1):
    inner = normalise(convolve(image, params["conv1"], stride), params["gain1"], params["shift1"]).clamp_min(0)
    inner = normalise(convolve(inner, params["conv2"], 1), params["gain2"], params["shift2"])
    beside = image
    if params.get("shortcut") is not None:
        seen = image[:, :, ::stride, ::stride]
        beside = torch.tensordot(params["shortcut"][:, :, 0, 0], seen, ([1], [1])).transpose(0, 1)
        beside = normalise(beside, params["gain3"], params["shift3"])
    return inner.add(beside).clamp_min(0)

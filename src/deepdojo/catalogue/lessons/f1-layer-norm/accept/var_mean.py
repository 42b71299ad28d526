import torch


def layer_norm(x, gain, shift, eps=1e-5):
    variance, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
    return (x - mean) * (variance + eps).rsqrt() * gain + shift


def rms_norm(x, gain, eps=1e-5):
    return x / (x.pow(2).mean(dim=-1, keepdim=True) + eps) ** 0.5 * gain

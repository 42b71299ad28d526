import torch


def softmax(values, axis):
    return (values - torch.logsumexp(values, dim=axis, keepdim=True)).exp()

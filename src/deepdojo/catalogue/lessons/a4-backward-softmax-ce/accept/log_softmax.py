import torch
import torch.nn.functional as F


def softmax_ce_backward(logits, target):
    grad = F.log_softmax(logits, dim=1).exp_()
    grad.scatter_add_(1, target[:, None], -torch.ones_like(grad[:, :1]))
    return grad.div_(logits.shape[0])

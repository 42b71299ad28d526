import torch


def attention_rollout(attn):
    heads = attn.shape[2]
    share = sum(attn[:, :, h] for h in range(heads)) / heads
    shape = share.shape
    seen = []
    for start in range(shape[-1]):
        carried = torch.zeros(shape[1], shape[-1], dtype=attn.dtype)
        carried[:, start] = 1
        for layer in share:
            total = layer.sum(-1) + 1
            carried = (carried + torch.einsum("bts,bs->bt", layer, carried)) / total
        seen.append(carried)
    return torch.stack(seen, -1)

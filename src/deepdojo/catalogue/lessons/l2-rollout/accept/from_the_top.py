import torch


def attention_rollout(attn):
    L, B, H, T, _ = attn.shape
    result = torch.eye(T, dtype=attn.dtype).repeat(B, 1, 1)
    for depth in reversed(range(L)):
        step = torch.einsum("bhts->bts", attn[depth]) / H
        step = 0.5 * step + torch.diag_embed(torch.full((B, T), 0.5, dtype=attn.dtype))
        result = torch.bmm(result, torch.nn.functional.normalize(step, p=1, dim=-1))
    return result

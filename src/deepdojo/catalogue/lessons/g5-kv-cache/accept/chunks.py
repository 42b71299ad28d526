import torch


def step(tokens, past, w_query, w_key, w_value, w_out, heads):
    """The cache is a chain of chunks; softmax is added up chunk by chunk, with a running maximum."""

    def cut(x, w):
        return torch.stack((x @ w.t()).chunk(heads, -1), 1)

    q = cut(tokens, w_query)
    q = q / q.shape[-1] ** 0.5
    chain = (past, cut(tokens, w_key), cut(tokens, w_value))
    top = total = found = None
    link, own = chain, True
    while link is not None:
        link, k, v = link
        s = torch.einsum("bhtk,bhsk->bhts", q, k)
        if own:
            s = s + torch.full(s.shape[-2:], float("-inf"), dtype=s.dtype).triu(1)
        own = False
        high = s.amax(-1, keepdim=True) if top is None else torch.maximum(top, s.amax(-1, keepdim=True))
        p = (s - high).exp()
        if top is None:
            total, found = p.sum(-1, keepdim=True), p @ v
        else:
            shrink = (top - high).exp()
            total, found = total * shrink + p.sum(-1, keepdim=True), found * shrink + p @ v
        top = high
    return torch.cat((found / total).unbind(1), -1) @ w_out.t(), chain

import torch


def f1(y, p, average):
    if len(y) == 0:
        return 0.0
    n = int(max(y.max(), p.max())) + 1
    table = torch.zeros(n, n, dtype=torch.float64)
    table.index_put_((y, p), torch.ones(len(y), dtype=torch.float64), accumulate=True)
    if average == "micro":
        return (table.trace() / table.sum()).item()
    true, said = table.sum(1), table.sum(0)
    each = (2 * table.diagonal() / (true + said)).nan_to_num(0)
    if average == "binary":
        return each[1].item() if n > 1 else 0.0
    if average == "weighted":
        return (each @ true / true.sum()).item()
    return each[(true + said) > 0].mean().item()

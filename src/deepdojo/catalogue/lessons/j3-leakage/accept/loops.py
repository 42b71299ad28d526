import torch


def split_groups(groups, share, generator):
    sizes = {}
    for g in groups.tolist():
        sizes[g] = sizes.get(g, 0) + 1
    keys = torch.rand(len(sizes), generator=generator)
    ordered = [name for _, name in sorted(zip(keys.tolist(), sorted(sizes)))]
    chosen, rows = set(), 0
    while rows < share * len(groups) and len(chosen) < len(ordered) - 1:
        name = ordered[len(chosen)]
        chosen.add(name)
        rows += sizes[name]
    return torch.tensor([g in chosen for g in groups.tolist()])


def prepare(x, y, test, k):
    train = torch.logical_not(test)
    columns, out = [], []
    for d in range(x.shape[1]):
        column = x[:, d].clone()
        known = column[train & ~column.isnan()]
        column[column.isnan()] = known.sum() / len(known)
        a = column[train]
        column = (column - a.mean()) / ((a - a.mean()) ** 2).mean().sqrt()
        pair = torch.corrcoef(torch.stack([column[train], y[train]]))
        columns.append((-float(pair[0, 1].abs()), d))
        out.append(column)
    kept = sorted(d for _, d in sorted(columns)[:k])
    table = torch.stack([out[d] for d in kept], 1)
    return table[train], table[test], torch.tensor(kept)

import torch


def train_accumulated(model, x, y, keep, batch_size, micro_size, lr):
    """Sums of gradients, divided once at the end, and a step by hand."""
    history, params = [], list(model.parameters())
    for xb, yb, kb in zip(x.split(batch_size), y.split(batch_size), keep.split(batch_size)):
        sums, total, count = [torch.zeros_like(p) for p in params], 0.0, 0
        for xm, ym, km in zip(xb.split(micro_size), yb.split(micro_size), kb.split(micro_size)):
            errors = (model(xm) - ym)[km]
            loss = (errors * errors).sum()
            for s, g in zip(sums, torch.autograd.grad(loss, params)):
                s += g
            total += float(loss.detach())
            count += int(km.sum())
        with torch.no_grad():
            for p, s in zip(params, sums):
                p -= lr * s / count
        history.append(total / count)
    return history

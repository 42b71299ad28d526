import torch


def train(model, x, y, batch_size, lr, epochs):
    params = list(model.parameters())
    history = []
    for _ in range(epochs):
        seen = []
        for xb, yb in zip(x.split(batch_size), y.split(batch_size)):
            errors = (model(xb) - yb).pow(2).mean(1)
            grads = torch.autograd.grad(errors.mean(), params)
            with torch.no_grad():
                for p, g in zip(params, grads):
                    p.add_(g, alpha=-lr)
            seen.append(errors.detach())
        history.append(torch.cat(seen).mean().item())
    return history

from contextlib import contextmanager

import torch


@contextmanager
def mode(module, training):
    before = {m: m.training for m in module.modules()}
    module.train(training)
    try:
        yield
    finally:
        for m, was in before.items():
            m.training = was


@torch.inference_mode()
def error_of(model, x, y):
    with mode(model, False):
        return float((model(x) - y).square().mean())


def fit_and_validate(model, x, y, x_val, y_val, batch_size, lr, epochs):
    parameters = list(model.parameters())
    history = []
    with mode(model, True):
        for _ in range(epochs):
            for xb, yb in zip(x.split(batch_size), y.split(batch_size)):
                grads = torch.autograd.grad((model(xb) - yb).square().mean(), parameters)
                with torch.no_grad():
                    for p, g in zip(parameters, grads):
                        p -= lr * g
            history.append(error_of(model, x_val, y_val))
    return history

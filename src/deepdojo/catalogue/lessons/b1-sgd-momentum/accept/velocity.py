class SGD:
    """The learning rate is folded into the velocity; buffers in a list, gradients zeroed in place."""

    def __init__(self, parameters, lr, momentum=0, weight_decay=0, nesterov=False):
        self.parameters = list(parameters)
        self.velocity = [None] * len(self.parameters)
        self.rates = (lr, momentum, weight_decay, nesterov)

    def step(self):
        lr, momentum, decay, nesterov = self.rates
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                pull = lr * (p.grad + decay * p.data)
                old = self.velocity[i] if self.velocity[i] is not None else 0
                self.velocity[i] = momentum * old - pull
                p.data += momentum * self.velocity[i] - pull if nesterov else self.velocity[i]

    def zero_grad(self):
        for p in self.parameters:
            if p.grad is not None:
                p.grad.zero_()

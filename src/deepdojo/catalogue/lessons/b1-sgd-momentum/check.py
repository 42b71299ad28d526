"""The check of b1-sgd-momentum: the path of four parameters over four steps, with real backward passes."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal

SHAPES = ("N D", "N D", "D", "N")  # two of one shape: a buffer that they share is seen; the last one has no gradient
START = [normal(shape, grad=False) for shape in SHAPES]
SLOPES = [[normal(shape, grad=False) for shape in SHAPES[:3]] for _ in range(4)]


@adapt("SGD")
def drive(SGD, start, slopes, lr, momentum, weight_decay, nesterov):
    def walk():
        params = [p.clone().requires_grad_() for p in start]
        optimizer = SGD((p for p in params), lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)
        path, cleared, kept = [[] for _ in params], True, True
        for i, step in enumerate(slopes):
            optimizer.zero_grad()
            cleared = cleared and all(p.grad is None or not p.grad.any() for p in params)
            sum((p * g).sum() for p, g in zip(params, step)).backward()
            if i == 1:
                params[1].grad = None
            optimizer.step()
            kept = kept and all(p.grad is None or torch.equal(p.grad, g) for p, g in zip(params, step))
            for steps, p in zip(path, params):
                steps.append(p.detach().clone())
        another = SGD((p for p in params), lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)
        another.zero_grad()
        sum((p * g).sum() for p, g in zip(params, slopes[0])).backward()
        another.step()
        return {
            "params": [torch.stack(steps) for steps in path],
            "cleared": cleared,
            "gradients_kept": kept,
            "first_step_of_another_optimizer": [p.detach().clone() for p in params],
        }

    kinds = [k for k in vars(torch.optim).values() if isinstance(k, type) and "step" in vars(k)]
    kept, torchs = [(k, k.step) for k in kinds], []

    def watched(step):
        return lambda *args, **more: torchs.append(1) or step(*args, **more)

    for kind, step in kept:
        kind.step = watched(step)
    try:
        found = walk()
    finally:
        for kind, step in kept:
            kind.step = step
    return {**found, "torch_did_it": bool(torchs)}


def oracle(start, slopes, lr, momentum, weight_decay, nesterov):
    params = [p.clone().requires_grad_() for p in start]
    optimizer = torch.optim.SGD(
        params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov, foreach=False
    )
    path = [[] for _ in params]
    for i, step in enumerate(slopes):
        optimizer.zero_grad()
        for p, g in zip(params, step, strict=False):
            p.grad = g.clone()
        if i == 1:
            params[1].grad = None
        optimizer.step()
        for seen, p in zip(path, params, strict=True):
            seen.append(p.detach().clone())
    another = torch.optim.SGD(
        params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov, foreach=False
    )
    for p, g in zip(params, slopes[0], strict=False):
        p.grad = g.clone()
    another.step()
    return {
        "params": [torch.stack(seen) for seen in path], "cleared": True, "gradients_kept": True,
        "first_step_of_another_optimizer": [p.detach().clone() for p in params], "torch_did_it": False,
    }  # fmt: skip


def steps(name, momentum=0.7, weight_decay=0.0, nesterov=False):
    return case(
        name, start=START, slopes=SLOPES, lr=0.1, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        steps("plain gradient descent", momentum=0.0),
        steps("momentum"),
        steps("weight decay", weight_decay=0.3),
        steps("Nesterov with weight decay", weight_decay=0.2, nesterov=True, momentum=0.9),
    ],
    gradient=False,
    mutants=[
        mutant(
            "one_sum_for_all", "self.sums.get(p,", "self.sums.get(p.shape,",
            "self.sums[p] = v", "self.sums[p.shape] = v",
            en="parameters of one shape share a buffer; each needs its own",
            zh="形状相同的参数共用了一个缓冲；每个参数都要有自己的",
        ),
        mutant(
            "averaged", "v = self.momentum * v + g", "v = self.momentum * v + (1 - self.momentum) * g",
            en="the gradient is weighted by 1 − momentum, as in Adam; here the buffer is a sum: momentum · v + g",
            zh="梯度乘了 1 − 动量，那是 Adam 的做法；这里的缓冲是累加：动量 · v + g",
        ),
        mutant(
            "old_sum_used", "            if self.nesterov:\n",
            "            v = (v - g) / self.momentum if self.momentum else 0 * v\n            if self.nesterov:\n",
            en="the step uses the buffer as it was before this gradient, so the first step does nothing: add the "
               "gradient first",
            zh="更新用的是加入本次梯度之前的缓冲，所以第一步什么都没做：要先加梯度",
        ),
        mutant(
            "no_momentum", "v = self.momentum * v + g", "v = g",
            en="the buffer holds this step's gradient only; what came before is lost",
            zh="缓冲里只有这一步的梯度；以前的都丢了",
        ),
        mutant(
            "decay_skipped", "g = p.grad + self.weight_decay * p", "g = p.grad",
            en="weight_decay has no effect: add weight_decay · p to the gradient",
            zh="weight_decay 没有起作用：要把 weight_decay · p 加进梯度",
        ),
        mutant(
            "decay_after_momentum", "g = p.grad + self.weight_decay * p", "g = p.grad",
            "p.sub_(self.lr * v)", "p.sub_(self.lr * (v + self.weight_decay * p))",
            en="the decay is applied after the momentum; here it is part of the gradient and goes through the buffer",
            zh="衰减加在了动量之后；这里它是梯度的一部分，也要进入缓冲",
        ),
        mutant(
            "decay_sign", "p.grad + self.weight_decay * p", "p.grad - self.weight_decay * p",
            en="the decay has the wrong sign: weights grow instead of shrinking",
            zh="衰减的符号反了：权重在变大而不是变小",
        ),
        mutant(
            "nesterov_ignored", "            if self.nesterov:\n", "            if False:\n",
            en="nesterov has no effect",
            zh="nesterov 没有起作用",
        ),
        mutant(
            "nesterov_without_gradient", "v = g + self.momentum * v", "v = self.momentum * v",
            en="Nesterov's step lacks the gradient: gradient + momentum · buffer",
            zh="Nesterov 的更新少了梯度：应为 梯度 + 动量 · 缓冲",
        ),
        mutant(
            "nesterov_kept", "            self.sums[p] = v\n", "",
            "            p.sub_(self.lr * v)\n", "            p.sub_(self.lr * v)\n            self.sums[p] = v\n",
            en="Nesterov's look ahead is stored in the buffer; it is for this step only",
            zh="Nesterov 往前看的那一步存进了缓冲；它只用于本次更新",
        ),
        mutant(
            "rebinding", "p.sub_(self.lr * v)", "p = p - self.lr * v",
            en="p = p - … makes a new tensor and leaves the model's parameter as it was; change p in place",
            zh="p = p - … 新建了一个张量，模型的参数并没有变；要原地修改 p",
        ),
        mutant(
            "params_walked_once", "self.params = list(params)", "self.params = params",
            en="params is a generator: it can be walked once, and is empty from then on. Keep a list of it",
            zh="params 是生成器：只能遍历一次，之后就空了。要把它存成列表",
        ),
        mutant(
            "gradient_kept", "            p.grad = None\n", "            pass\n",
            en="zero_grad leaves the old gradients in place, so the next backward adds to them",
            zh="zero_grad 没有清掉旧梯度，下一次反向传播会累加上去",
        ),
        mutant(
            "gradient_changed", "g = p.grad + self.weight_decay * p", "g = p.grad.add_(p, alpha=self.weight_decay)",
            en="p.grad itself is changed, so a second step would decay twice; make a new tensor: p.grad + …",
            zh="改动了 p.grad 本身，再走一步就会衰减两次；请新建张量：p.grad + …",
        ),
        mutant(
            "sums_of_the_class", "        self.sums = {}\n", "        self.sums = SGD.sums\n",
            "    def __init__(self, params", "    sums = {}\n\n    def __init__(self, params",
            en="the buffers belong to the class, so a second optimizer goes on with those of the first; keep them in "
               "self, made anew in __init__",
            zh="缓冲存在了类上，第二个优化器会接着用第一个的；应存在 self 里，在 __init__ 中新建",
        ),
        mutant(
            "torch_inside", "        self.sums = {}\n",
            "        self.inner = torch.optim.SGD(\n            self.params, lr, momentum=momentum, "
            "weight_decay=weight_decay, nesterov=nesterov and momentum > 0\n        )\n",
            "        for p in self.params:\n            if p.grad is None:",
            "        self.inner.step()\n        for p in []:\n            if p.grad is None:",
            en="torch's own optimizer makes the step; that is what you are about to write",
            zh="走这一步的是 torch 自己的优化器；这正是你要写的",
        ),
        mutant(
            "uphill", "p.sub_(self.lr * v)", "p.add_(self.lr * v)",
            en="the step goes up the gradient; subtract it",
            zh="沿梯度往上走了；应减去它",
        ),
    ],
)  # fmt: skip

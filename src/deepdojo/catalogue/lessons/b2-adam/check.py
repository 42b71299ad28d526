"""The check of b2-adam: the path of three parameters over six steps, one of them without a gradient at times; then a
second optimizer on the same ones."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal

GRADS = [[normal("N D", grad=False), normal("D", grad=False)] for _ in range(6)]
START = [normal("N D", grad=False), normal("D", grad=False), normal("N", grad=False)]
TINY = [[normal("N D", scale=1e-7, grad=False), normal("D", scale=1e-9, grad=False)] for _ in range(6)]


@adapt("Adam")
def drive(Adam, start, grads, lr, betas, eps, weight_decay, decoupled):
    def walk():
        params = [p.clone().requires_grad_() for p in start]
        optimizer = Adam(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, decoupled=decoupled)
        path = []
        for i, step in enumerate(grads):
            if hasattr(optimizer, "zero_grad"):
                optimizer.zero_grad()
            else:
                for p in params:
                    p.grad = None
            cleared = all(p.grad is None or not p.grad.any() for p in params)
            for p, g in zip(params, step):
                p.grad = g.clone()
            if i == 1:
                params[1].grad = None
            optimizer.step()
            kept = all(p.grad is None or torch.equal(p.grad, g) for p, g in zip(params, step))
            path.append({"params": [p.detach().clone() for p in params], "cleared": cleared, "gradients_kept": kept})
        again = Adam(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, decoupled=decoupled)
        for p, g in zip(params, grads[0]):
            p.grad = g.clone()
        again.step()
        return {"path": path, "first_step_of_another_optimizer": [p.detach().clone() for p in params]}

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


def oracle(start, grads, lr, betas, eps, weight_decay, decoupled):
    params = [p.clone().requires_grad_() for p in start]
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    optimizer = kind(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=False)
    path = []
    for i, step in enumerate(grads):
        optimizer.zero_grad()
        for p, g in zip(params, step, strict=False):
            p.grad = g.clone()
        if i == 1:
            params[1].grad = None
        optimizer.step()
        path.append({"params": [p.detach().clone() for p in params], "cleared": True, "gradients_kept": True})
    again = kind(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=False)
    for p, g in zip(params, grads[0], strict=False):
        p.grad = g.clone()
    again.step()
    return {"path": path, "first_step_of_another_optimizer": [p.detach().clone() for p in params],
            "torch_did_it": False}  # fmt: skip


def steps(name, grads=GRADS, weight_decay=0.0, decoupled=False, betas=(0.8, 0.95), eps=1e-3, **more):
    return case(
        name, start=START, grads=grads, lr=0.1, betas=betas, eps=eps, weight_decay=weight_decay, decoupled=decoupled,
        **more,
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        steps("six steps"),
        steps("weight decay in the gradient", weight_decay=0.3),
        steps("decoupled weight decay", weight_decay=0.3, decoupled=True),
        steps("tiny gradients", TINY, eps=1e-8, note=("gradients near 1e-7", "梯度约 1e-7"), float32=False),
    ],
    gradient=False,
    mutants=[
        mutant(
            "no_correction", "m / (1 - b1**t)", "m", "v / (1 - b2**t)", "v",
            en="the averages start at zero and are not corrected for it: divide by 1 - beta^t",
            zh="两个滑动平均从零开始，却没有做偏差修正：要除以 1 - beta^t",
        ),
        mutant(
            "one_correction", "v / (1 - b2**t)", "v",
            en="the average of squares is not corrected by 1 - beta2^t",
            zh="平方的滑动平均没有除以 1 - beta2^t",
        ),
        mutant(
            "eps_inside", "(v_hat.sqrt() + self.eps)", "(v_hat + self.eps).sqrt()",
            en="eps stands under the root; it belongs beside it: sqrt(v) + eps",
            zh="eps 放进了根号里；应放在外面：sqrt(v) + eps",
        ),
        mutant(
            "step_from_zero", "(1 - b1**t)", "(1 - b1 ** max(t - 1, 1))", "(1 - b2**t)", "(1 - b2 ** max(t - 1, 1))",
            en="the count of steps is one behind in the correction: the first step is t = 1, the second t = 2",
            zh="偏差修正用的步数少了一：第一步 t = 1，第二步 t = 2",
        ),
        mutant(
            "betas_swapped", "b1, b2 = self.betas", "b2, b1 = self.betas",
            en="the two betas are exchanged: the first is for the gradient, the second for its square",
            zh="两个 beta 用反了：第一个用于梯度，第二个用于梯度的平方",
        ),
        mutant(
            "decay_in_gradient", "if self.weight_decay and self.decoupled:", "if False:",
            en="AdamW's decay goes through the gradient and its averages; decoupled means that p itself is shrunk",
            zh="AdamW 的衰减混进了梯度和滑动平均；解耦（decoupled）的意思是直接缩小 p",
        ),
        mutant(
            "decay_without_lr", "1 - self.lr * self.weight_decay", "1 - self.weight_decay",
            en="the decoupled decay lacks the factor lr: p shrinks by lr * weight_decay",
            zh="解耦的衰减少了因子 lr：p 应缩小 lr * weight_decay",
        ),
        mutant(
            "state_forgotten", "if p not in self.state:", "if True:",
            en="the averages are made anew at every step; they must live as long as the optimizer",
            zh="每一步都重建了滑动平均；它们应与优化器同寿命",
        ),
        mutant(
            "rebinding", "p.sub_(self.lr * m_hat / (v_hat.sqrt() + self.eps))",
            "p = p - self.lr * m_hat / (v_hat.sqrt() + self.eps)",
            en="p = p - … makes a new tensor and leaves the model's parameter as it was; change p in place",
            zh="p = p - … 新建了一个张量，模型的参数并没有变；要原地修改 p",
        ),
        mutant(
            "gradient_kept", "p.grad = None", "pass",
            en="zero_grad leaves the old gradients in place, so the next backward adds to them",
            zh="zero_grad 没有清掉旧梯度，下一次反向传播会累加上去",
        ),
        mutant(
            "torch_inside", "        self.state = {}\n",
            "        kind = torch.optim.AdamW if decoupled else torch.optim.Adam\n"
            "        self.inner = kind(self.params, lr, betas, eps, weight_decay)\n",
            "        b1, b2 = self.betas\n", "        b1, b2 = self.betas\n        return self.inner.step()\n",
            en="torch's own optimizer makes the step; that is what you are about to write",
            zh="走这一步的是 torch 自己的优化器；这正是你要写的",
        ),
        mutant(
            "gradient_changed", "g = g + self.weight_decay * p", "g += self.weight_decay * p",
            en="g += … changes p.grad itself, so a second step would decay twice; write g = g + …",
            zh="g += … 改动了 p.grad 本身，再走一步就会衰减两次；应写成 g = g + …",
        ),
        mutant(
            "state_of_the_class", "        self.state = {}\n", "        self.state = Adam.state\n",
            "    def __init__(self, params", "    state = {}\n\n    def __init__(self, params",
            en="the averages belong to the class, so a second optimizer goes on with those of the first; keep them in "
               "self, made anew in __init__",
            zh="滑动平均存在了类上，第二个优化器会接着用第一个的；应存在 self 里，在 __init__ 中新建",
        ),
    ],
)  # fmt: skip

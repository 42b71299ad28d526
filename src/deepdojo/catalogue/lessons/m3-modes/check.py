"""The check of m3-modes: losses, weights, running statistics and mode after a few epochs; dropout drops by a fixed
pattern, so that all is exact."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("fit_and_validate")
def drive(fit_and_validate, w1, b1, w2, b2, dropped, x, y, x_val, y_val, batch_size, lr, epochs, starts_training):
    class Dropout(torch.nn.Module):
        """Half of the units are always the ones that go."""

        seen_graph = False

        def forward(self, h):
            if not self.training:
                Dropout.seen_graph = Dropout.seen_graph or h.requires_grad
                return h
            return h * dropped.to(h.dtype) * 2

    hidden, inputs = w1.shape
    model = torch.nn.Sequential(
        torch.nn.Linear(inputs, hidden), torch.nn.BatchNorm1d(hidden), torch.nn.Tanh(), Dropout(),
        torch.nn.Linear(hidden, len(b2)),
    ).to(x.dtype)  # fmt: skip
    with torch.no_grad():
        outer = (model[0].weight, model[0].bias, model[4].weight, model[4].bias)
        for parameter, value in zip(outer, (w1, b1, w2, b2)):
            parameter.copy_(value)
    model.train(starts_training)
    losses = fit_and_validate(model, x, y, x_val, y_val, batch_size, lr, epochs)
    gradients_on = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    return {
        "losses": [float(each) for each in losses],
        "weights": [p.detach() for p in model.parameters()],
        "running": [model[1].running_mean.clone(), model[1].running_var.clone()],
        "graph while validating": bool(Dropout.seen_graph),
        "mode": [bool(m.training) for m in model.modules()],
        "gradients are on afterwards": gradients_on,
    }


def oracle(w1, b1, w2, b2, dropped, x, y, x_val, y_val, batch_size, lr, epochs, starts_training):
    """The same by formulas: no modules, no modes."""
    gain, shift = torch.ones_like(b1), torch.zeros_like(b1)
    params = [p.clone().requires_grad_() for p in (w1, b1, gain, shift, w2, b2)]
    mean, var, losses = torch.zeros_like(b1), torch.ones_like(b1), []

    def network(rows, centre, spread, keep):
        w1, b1, gain, shift, w2, b2 = params
        h = torch.tanh((rows @ w1.T + b1 - centre) / (spread + 1e-5).sqrt() * gain + shift)
        return (h * keep) @ w2.T + b2

    for _ in range(epochs):
        for i in range(0, len(x), batch_size):
            rows, wanted = x[i : i + batch_size], y[i : i + batch_size]
            before = rows @ params[0].T + params[1]
            centre, spread = before.mean(0), before.var(0, correction=0)
            error = (network(rows, centre, spread, 2 * dropped.to(x.dtype)) - wanted).square().mean()
            grads = torch.autograd.grad(error, params)
            mean = 0.9 * mean + 0.1 * centre.detach()
            var = 0.9 * var + 0.1 * before.detach().var(0, correction=1)
            params = [(p - lr * g).detach().requires_grad_() for p, g in zip(params, grads, strict=True)]
        losses.append(float((network(x_val, mean, var, 1.0) - y_val).detach().square().mean()))
    return {
        "losses": losses, "weights": [p.detach() for p in params], "running": [mean, var],
        "graph while validating": False, "mode": [starts_training] * 6,
        "gradients are on afterwards": True,
    }  # fmt: skip


def run(name, n, batch_size, epochs, starts_training):
    return case(
        name, sizes={"N": n, "H": 4, "M": 5}, w1=normal("H D", grad=False), b1=normal("H", grad=False),
        w2=normal("O H", grad=False), b2=normal("O", grad=False),
        dropped=lambda d: torch.tensor([True, False, True, False])[torch.randperm(4, generator=d.gen)],
        x=normal("N D", grad=False), y=normal("N O", grad=False), x_val=normal("M D", grad=False),
        y_val=normal("M O", grad=False), batch_size=batch_size, lr=0.05, epochs=epochs, starts_training=starts_training,
        float32=False,
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("in training mode", 12, 4, 2, True),
        run("given in evaluation mode", 12, 4, 2, False),
        run("one epoch", 6, 3, 1, False),
    ],
    gradient=False,
    layout=False,
    mutants=[
        mutant(
            "never_train", "        model.train()\n", "",
            en="train() is never called: from the first validation on, or from the start, dropout and the batch's "
               "statistics sleep",
            zh="从未调用 train()：从第一次验证起（甚至从一开始），dropout 和批统计量就不起作用了",
        ),
        mutant(
            "never_eval", "        model.eval()\n", "",
            en="eval() is never called: validation drops units, normalises by its own rows, and changes the running "
               "statistics",
            zh="从未调用 eval()：验证时仍在丢弃单元，用的是验证行自己的统计量，还改动了滑动统计量",
        ),
        mutant(
            "train_once", "        model.train()\n", "", "    losses = []\n", "    losses = []\n    model.train()\n",
            en="train() stands before the loop: from the second epoch on the model trains in evaluation mode",
            zh="train() 放在了循环之前：从第二轮起，模型就在评估模式下训练",
        ),
        mutant(
            "mode_kept", "    model.train(was_training)\n", "",
            en="the model is given back in evaluation mode, whatever mode it came in",
            zh="无论模型来时处于什么模式，归还时都处于评估模式",
        ),
        mutant(
            "always_back_to_training", "model.train(was_training)", "model.train()",
            en="the model is given back in training mode, whatever mode it came in",
            zh="无论模型来时处于什么模式，归还时都处于训练模式",
        ),
        mutant(
            "graph_kept", "        with torch.no_grad():\n            losses", "        if True:\n            losses",
            en="validation records a graph: eval() does not turn gradients off, and every activation is kept in memory",
            zh="验证时记录了计算图：eval() 并不会关闭梯度，所有激活值的内存都被占着",
        ),
        mutant(
            "gradients_left_off",
            "        model.train()\n", "        torch.set_grad_enabled(True)\n        model.train()\n",
            "        with torch.no_grad():\n            losses",
            "        torch.set_grad_enabled(False)\n        if True:\n            losses",
            en="gradients are switched off and stay off when the function is done; with no_grad() they come back by "
               "themselves",
            zh="关掉了梯度，函数结束后也没有打开；用 with no_grad()，离开时会自动恢复",
        ),
        mutant(
            "flag_of_the_top", "        model.eval()\n", "        model.training = False\n",
            en="only the outermost module's flag is set; the layers inside stay in training mode. eval() reaches all "
               "of them",
            zh="只改了最外层模块的标志，里面的层仍处于训练模式；eval() 会传到每一层",
        ),
    ],
    twins=[("never_eval", "flag_of_the_top")],
)  # fmt: skip

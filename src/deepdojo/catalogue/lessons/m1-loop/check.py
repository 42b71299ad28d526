"""The check of m1-loop: losses and final weights of a few epochs in float64, on uneven batches, equal the oracle's."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("train")
def drive(train, weights, x, y, batch_size, lr, epochs):
    (hidden, inputs), outputs = weights[0].shape, len(weights[2])
    model = torch.nn.Sequential(torch.nn.Linear(inputs, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, outputs)).to(
        x.dtype
    )
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), weights):
            parameter.copy_(weight)
    losses = train(model, x, y, batch_size, lr, epochs)
    return {"losses": [float(each) for each in losses], "weights": [p.detach() for p in model.parameters()]}


def oracle(weights, x, y, batch_size, lr, epochs):
    params = [w.clone().requires_grad_() for w in weights]
    losses = []
    for _ in range(epochs):
        squares = 0.0
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            w1, b1, w2, b2 = params
            error = torch.tanh(x[part] @ w1.T + b1) @ w2.T + b2 - y[part]
            grads = torch.autograd.grad(error.square().mean(), params)
            params = [(p - lr * g).detach().requires_grad_() for p, g in zip(params, grads, strict=True)]
            squares += float(error.detach().square().sum())
        losses.append(squares / y.numel())
    return {"losses": losses, "weights": [p.detach() for p in params]}


def run(name, n, batch_size, epochs):
    weights = [normal("H D", grad=False), normal("H", grad=False), normal("O H", grad=False), normal("O", grad=False)]
    return case(
        name, sizes={"N": n}, weights=weights, x=normal("N D", grad=False), y=normal("N O", grad=False),
        batch_size=batch_size, lr=0.05, epochs=epochs,
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("uneven batches", 17, 5, 3),
        run("one batch", 5, 5, 2),
        run("single examples", 7, 1, 2),
        run("a batch larger than the data", 3, 8, 2),
    ],
    gradient=False,
    mutants=[
        mutant(
            "no_zero_grad", "            optimizer.zero_grad()\n", "",
            en="gradients are never cleared: each step goes along the sum of all gradients so far",
            zh="梯度从未清零：每一步都沿着至今所有梯度之和走",
        ),
        mutant(
            "zero_after_backward", "            optimizer.zero_grad()\n", "",
            "            loss.backward()\n", "            loss.backward()\n            optimizer.zero_grad()\n",
            en="zero_grad stands between backward and step, so step finds nothing and no weight ever moves",
            zh="zero_grad 放在了 backward 和 step 之间，step 拿不到梯度，权重从未改变",
        ),
        mutant(
            "step_before_backward", "            optimizer.step()\n", "",
            "            optimizer.zero_grad()\n", "            optimizer.step()\n            optimizer.zero_grad()\n",
            en="step comes before backward: it uses the gradient of the batch before",
            zh="step 在 backward 之前：用的是上一个批的梯度",
        ),
        mutant(
            "zero_each_epoch", "            optimizer.zero_grad()\n", "",
            "        total = 0.0\n", "        total = 0.0\n        optimizer.zero_grad()\n",
            en="gradients are cleared once an epoch, so they pile up over its batches",
            zh="每轮只清零一次，梯度在同一轮的各个批之间不断累加",
        ),
        mutant(
            "last_batch_skipped", "range(0, len(x), batch_size)", "range(0, len(x) - batch_size + 1, batch_size)",
            en="the last, smaller batch is left out",
            zh="漏掉了最后那个较小的批",
        ),
        mutant(
            "sum_for_mean", "F.mse_loss(model(xb), yb)", 'F.mse_loss(model(xb), yb, reduction="sum")',
            en="the loss is summed over the batch, not averaged: the steps grow with the size of the batch",
            zh="损失对批求了和而不是平均：步长随批的大小变大",
        ),
        mutant(
            "step_once", "            optimizer.step()\n", "",
            "        losses.append(total / len(x))\n",
            "        optimizer.step()\n        losses.append(total / len(x))\n",
            en="step is called once an epoch, with the gradient of its last batch alone",
            zh="每轮只调用一次 step，而且只用了最后一个批的梯度",
        ),
        mutant(
            "mean_of_means", "loss.item() * len(xb)", "loss.item()",
            "total / len(x)", "total / (-(-len(x) // batch_size))",
            en="the epoch's loss is the mean of the batches' means; a small last batch then counts as much as a full "
               "one",
            zh="一轮的损失取了各批均值的平均；最后的小批与完整的批占了同样的比重",
        ),
    ],
)  # fmt: skip

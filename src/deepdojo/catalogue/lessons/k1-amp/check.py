"""The check of k1-amp: eight steps, some with gradients that are not finite."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal

BAD = {1: float("inf"), 4: float("inf"), 5: float("nan"), 6: float("-inf")}


@adapt("GradScaler")
def drive(GradScaler, start, slopes, init_scale, growth_interval, clip, factors):
    params = [p.clone().requires_grad_() for p in start]
    groups = [{"params": params[:1]}, {"params": params[1:]}]
    optimizer = torch.optim.SGD(groups, lr=0.1, weight_decay=0.05, foreach=False)
    scaler = GradScaler(init_scale, growth_interval=growth_interval, **factors)
    scales, scaled, path = [float(scaler.get_scale())], [], []
    for step in slopes:
        optimizer.zero_grad()
        scaler.scale(sum((p * g).sum() for p, g in zip(params, step))).backward()
        scaled.append(params[0].grad[0, 0] / step[0][0, 0])
        if clip:
            scaler.unscale_(optimizer)
            norm = torch.cat([p.grad.flatten() for p in params[:2]]).norm()
            for p in params[:2]:
                p.grad.mul_((clip / norm).clamp(max=1))
        scaler.step(optimizer)
        scaler.update()
        scales.append(float(scaler.get_scale()))
        path.append(params[1].detach().flatten().clone())
    return {
        "scale": scales,
        "loss_times": torch.stack(scaled),
        "params": [torch.stack(path), params[0].detach(), params[2].detach()],
        "torch_did_it": isinstance(scaler, torch.amp.GradScaler),
    }


def oracle(start, slopes, init_scale, growth_interval, clip, factors):
    growth, backoff = factors.get("growth_factor", 2), factors.get("backoff_factor", 0.5)
    first, second, third = (p.clone() for p in start)
    scales, path, good = [init_scale], [], 0
    for a, b in slopes:
        if torch.isfinite(a).all() and torch.isfinite(b).all():
            norm = float(torch.cat([a.flatten(), b.flatten()]).norm())
            share = min(1.0, clip / norm) if clip else 1.0
            first = first - 0.1 * (share * a + 0.05 * first)
            second = second - 0.1 * (share * b + 0.05 * second)
            good += 1
            scales.append(scales[-1] * (growth if good % growth_interval == 0 else 1))
        else:
            good = 0
            scales.append(scales[-1] * backoff)
        path.append(second.flatten())
    times = start[0].new_tensor(scales[:-1])
    return {"scale": scales, "loss_times": times, "params": [torch.stack(path), first, third], "torch_did_it": False}


def slopes(bad):
    """Gradients of two parameters; what is not finite stands in the one or in the other."""

    def draw(d):
        found = []
        for i in range(8):
            a, b = (d.normal(axes, scale=0.1 if i % 2 else 1.0) for axes in ("N D", "D"))
            if i in bad:
                (a[-1] if i == 4 else b)[-1] = bad[i]
            found.append([a, b])
        return found

    return draw


def run(name, bad, interval, clip=0.0, **factors):
    start = [normal("N D", grad=False), normal("D", grad=False), normal("N", grad=False)]
    return case(
        name, start=start, slopes=slopes(bad), init_scale=1024.0, growth_interval=interval, clip=clip, factors=factors,
        float32=bool(clip),
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("all finite", {}, 3),
        run("inf and NaN", BAD, 3),
        run("other factors", BAD, 2, growth_factor=4.0, backoff_factor=0.25),
        run("clipped after unscale_", {3: float("inf")}, 2, clip=0.7),
    ],
    gradient=False,
    layout=False,
    forbidden=["amp_foreach_non_finite_check_and_unscale", "amp_update_scale"],
    allowed=("div_, isfinite and optimizer.step are yours.", "可以使用 div_、isfinite、optimizer.step。"),
    mutants=[
        mutant(
            "steps_on_inf", "        if not self.broken:\n            optimizer.step()", "        optimizer.step()",
            en="the step is made although a gradient is inf or NaN: one such step ruins every weight",
            zh="梯度里有 inf 或 NaN 时仍然更新了：这样的一步会毁掉所有权重",
        ),
        mutant(
            "unscaled_twice", "        if not self.unscaled:\n            self.unscale_(optimizer)",
            "        self.unscale_(optimizer)",
            en="after unscale_, step divides a second time; remember that it was done",
            zh="unscale_ 之后 step 又除了一次；要记住已经除过",
        ),
        mutant(
            "never_unscaled", "p.grad.div_(self.factor)", "p.grad.div_(1)",
            en="gradients are never divided by the scale: the steps are as many times too large",
            zh="梯度从未除以缩放因子：步子大了那么多倍",
        ),
        mutant(
            "never_scaled", "return loss * self.factor", "return loss",
            en="scale returns the loss as it is",
            zh="scale 原样返回了损失",
        ),
        mutant(
            "late_unscale", "        for group in optimizer.param_groups:", "        return\n        for group in []:",
            "        if not self.unscaled:\n            self.unscale_(optimizer)\n",
            "        for group in optimizer.param_groups:\n            for p in group['params']:\n"
            "                if p.grad is not None:\n                    p.grad.div_(self.factor)\n"
            "                    self.broken = self.broken or not bool(torch.isfinite(p.grad).all())\n",
            en="unscale_ does nothing, and step divides: what is clipped in between is still scaled",
            zh="unscale_ 什么都没做，到 step 才除：中间的裁剪看到的还是缩放过的梯度",
        ),
        mutant(
            "no_growth", "self.factor *= self.growth", "self.factor *= 1",
            en="the scale never grows",
            zh="缩放因子从不增长",
        ),
        mutant(
            "no_backoff", "self.factor *= self.backoff", "self.factor *= 1",
            en="the scale is not lowered after inf or NaN, so the next step overflows again",
            zh="出现 inf 或 NaN 后没有减小缩放因子，下一步又会溢出",
        ),
        mutant(
            "fixed_factors", "self.growth, self.backoff = init_scale, growth_factor, backoff_factor",
            "self.growth, self.backoff = init_scale, 2.0, 0.5",
            en="growth_factor and backoff_factor have no effect: the factors are 2 and 1/2 always",
            zh="growth_factor 和 backoff_factor 没有起作用：倍数总是 2 和 1/2",
        ),
        mutant(
            "last_parameter_decides",
            "                if not torch.isfinite(p.grad).all():\n                    self.broken = True\n",
            "                self.broken = not bool(torch.isfinite(p.grad).all())\n",
            en="each parameter overwrites what was found in those before it; one bad gradient is enough",
            zh="每个参数都覆盖了前面参数的检查结果；只要有一个梯度坏了就算",
        ),
        mutant(
            "count_goes_on", "            self.factor *= self.backoff\n            self.good = 0\n",
            "            self.factor *= self.backoff\n",
            en="the count of good steps goes on after a skipped one; they must be in a row",
            zh="跳过一步之后，正常步数接着数；应连续计数，从零开始",
        ),
        mutant(
            "count_not_reset", "                self.factor *= self.growth\n                self.good = 0\n",
            "                self.factor *= self.growth\n",
            en="after growing, the count of good steps is not set back, so the scale grows only once",
            zh="增长之后计数没有归零，于是只增长了一次",
        ),
        mutant(
            "grows_one_late", "if self.good == self.interval:", "if self.good > self.interval:",
            en="the scale grows one step too late: after growth_interval good steps",
            zh="晚了一步才增长：应在 growth_interval 步正常之后",
        ),
        mutant(
            "nan_missed", "not torch.isfinite(p.grad).all()", "torch.isinf(p.grad).any()",
            en="only inf is looked for; NaN must be found, too",
            zh="只找了 inf；NaN 也要找",
        ),
        mutant(
            "inf_missed", "not torch.isfinite(p.grad).all()", "torch.isnan(p.grad).any()",
            en="only NaN is looked for; inf must be found, too",
            zh="只找了 NaN；inf 也要找",
        ),
        mutant(
            "first_group_only", "        for group in optimizer.param_groups:",
            "        for group in optimizer.param_groups[:1]:",
            en="only the first parameter group is unscaled and looked at",
            zh="只处理了第一个参数组",
        ),
        mutant(
            "not_remembered",
            "                if not torch.isfinite(p.grad).all():\n                    self.broken = True\n",
            "                if not torch.isfinite(p.grad).all():\n                    optimizer.zero_grad()\n"
            "                    return\n",
            en="a step with inf or NaN is skipped, but update does not hear of it: remember it until then",
            zh="带 inf 或 NaN 的一步跳过了，但 update 不知道：要一直记到那时",
        ),
        mutant(
            "flag_kept", "                self.good = 0\n        self.unscaled = self.broken = False",
            "                self.good = 0\n        self.unscaled = False",
            en="once a gradient was not finite, all later steps are skipped, too: forget it in update",
            zh="一旦出现过非有限的梯度，之后的步全被跳过：update 时要忘掉它",
        ),
    ],
)  # fmt: skip

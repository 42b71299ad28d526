"""The check of c4-batch-norm: two batches in training, one in evaluation, and what is remembered after each."""

import torch
import torch.nn.functional as F

from deepdojo.grader import Check, adapt, case, mutant, near_miss, normal


@adapt("BatchNorm2d")
def drive(BatchNorm2d, first, second, seen, weight, bias, momentum, eps):
    layer = BatchNorm2d(len(weight), momentum=momentum, eps=eps).to(first.dtype)
    named = {"learned": sorted(name for name, _ in layer.named_parameters())}
    named["remembered"] = sorted(name for name in layer.state_dict() if name.startswith("running"))
    named["starts_with"] = [p.detach().clone() for _, p in sorted(layer.named_parameters())]
    for name, value in (("weight", weight), ("bias", bias)):
        layer._parameters.pop(name, None)
        layer.__dict__[name] = value
    out = {**named, "training": [layer.train()(first), layer(second)]}
    out["running_mean"], out["running_var"] = layer.running_mean.detach().clone(), layer.running_var.detach().clone()
    out["evaluation"] = layer.eval()(seen)
    out["mean_after_evaluation"] = layer.running_mean.detach().clone()
    out["var_after_evaluation"] = layer.running_var.detach().clone()
    out["training_again"] = layer.train()(seen)
    return out


def oracle(first, second, seen, weight, bias, momentum, eps):
    mean, var = torch.zeros_like(bias).detach(), torch.ones_like(weight).detach()

    def norm(x, training):
        return F.batch_norm(x, mean, var, weight, bias, training, momentum, eps)

    out = {"learned": ["bias", "weight"], "remembered": ["running_mean", "running_var"]}
    out["starts_with"] = [torch.zeros_like(bias).detach(), torch.ones_like(weight).detach()]
    out["training"] = [norm(first, True), norm(second, True)]
    out["running_mean"], out["running_var"] = mean.clone(), var.clone()
    out["evaluation"] = F.batch_norm(seen, mean.clone(), var.clone(), weight, bias, False, momentum, eps)
    out["mean_after_evaluation"], out["var_after_evaluation"] = mean.clone(), var.clone()
    out["training_again"] = norm(seen, True)
    return out


def images(name, sizes=None, first="B C Y X", second="B C Y X", momentum=0.3, eps=0.1, mean=0.5, **more):
    sizes = {"B": 2, "C": 3, **(sizes or {})}
    return case(
        name, sizes=sizes, first=normal(first, mean=mean), second=normal(second, mean=mean, scale=2),
        seen=normal("B C Y X", mean=mean), weight=normal("C", mean=1), bias=normal("C"), momentum=momentum, eps=eps,
        **more,
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        images("two batches", {"Y": 4, "X": 5}),
        images("batches of other sizes", {"Y": 2, "X": 3}, second="B+2 C Y+1 X"),
        images("as many rows as channels", {"B": 3, "Y": 3, "X": 3}),
        images("one image", {"B": 1, "Y": 5, "X": 2}, eps=1e-5),
        images("large mean", {"Y": 4, "X": 5}, eps=1e-5, mean=1e4, note=("values near 10 000", "数值约 10 000")),
    ],
    forbidden=["batch_norm", "instance_norm", "group_norm", "layer_norm", "batch_norm_stats", "cudnn_batch_norm"],
    allowed=("mean, var, sqrt and lerp are yours to use.", "可以使用 mean、var、sqrt、lerp。"),
    mutants=[
        mutant(
            "unbiased_normaliser", "torch.sqrt(var + self.eps)",
            "torch.sqrt(var * (n / (n - 1) if self.training else 1) + self.eps)",
            en="the batch is normalised by the variance with n − 1; that one is for the memory, here it is n",
            zh="归一化本批时方差除以了 n − 1；那是存下来用的，这里应除以 n",
        ),
        mutant(
            "biased_memory", "var.flatten() * n / (n - 1)", "var.flatten()",
            en="the remembered variance is divided by n; here it is n − 1, the unbiased estimate",
            zh="存下来的方差除以了 n；这里应除以 n − 1，即无偏估计",
        ),
        mutant(
            "momentum_reversed", "self.momentum * (mean", "(1 - self.momentum) * (mean",
            "self.momentum * (var", "(1 - self.momentum) * (var",
            en="momentum is the share of the new batch, not of what is remembered",
            zh="momentum 是新批所占的份额，而不是旧值的份额",
        ),
        mutant(
            "eps_outside", "torch.sqrt(var + self.eps)", "(torch.sqrt(var) + self.eps)",
            en="eps stands beside the root; here it is under it, added to the variance",
            zh="eps 放在了根号外面；应在根号里，加在方差上",
        ),
        mutant(
            "detached_statistics",
            "centred = x - mean\n            var = (centred * centred).mean((0, 2, 3), keepdim=True)",
            "mean = mean.detach()\n            centred = x - mean\n"
            "            var = (centred * centred).mean((0, 2, 3), keepdim=True).detach()",
            en="mean and variance are detached, but they depend on x: without that part, gradients push all values up "
               "together",
            zh="均值和方差被 detach 了，但它们依赖 x：少了这部分，梯度会把所有数一起往上推",
        ),
        mutant(
            "batch_in_evaluation", "if self.training:", "if True:",
            en="the batch's own statistics are used, and written, in evaluation, too; look at self.training",
            zh="评估时也用了（并改写了）批自己的统计量；要看 self.training",
        ),
        mutant(
            "never_remembers", "self.running_mean += self.momentum", "self.running_mean += 0",
            "self.running_var += self.momentum", "self.running_var += 0",
            en="the running statistics never change: in evaluation nothing is normalised",
            zh="运行统计量从未更新：评估时等于没有归一化",
        ),
        mutant(
            "written_in_evaluation", "            centred = x - mean\n        y =",
            "            centred = x - mean\n            with torch.no_grad():\n"
            "                self.running_mean = self.running_mean + self.momentum * (\n"
            "                    x.mean((0, 2, 3)) - self.running_mean)\n        y =",
            en="evaluation changes the running statistics; it may only read them",
            zh="评估改动了运行统计量；它只能读",
        ),
        mutant(
            "each_image", "mean = x.mean((0, 2, 3), keepdim=True)", "mean = x.mean((2, 3), keepdim=True)",
            "(centred * centred).mean((0, 2, 3), keepdim=True)", "(centred * centred).mean((2, 3), keepdim=True)",
            "mean.flatten() -", "mean.mean(0).flatten() -", "var.flatten()", "var.mean(0).flatten()",
            en="each image is normalised by itself; the statistics run over the batch, too",
            zh="每张图各自归一化了；统计量也要跨批求",
        ),
        mutant(
            "all_channels", "mean = x.mean((0, 2, 3), keepdim=True)", "mean = x.mean().expand(1, x.shape[1], 1, 1)",
            "(centred * centred).mean((0, 2, 3), keepdim=True)",
            "(centred * centred).mean().expand(1, x.shape[1], 1, 1)",
            en="one mean and one variance for all channels; each channel has its own",
            zh="所有通道共用了一个均值和方差；每个通道应有自己的",
        ),
        mutant(
            "graph_kept", "            with torch.no_grad():\n",
            "            with torch.enable_grad():\n",
            "self.running_mean += self.momentum * (mean",
            "self.running_mean = self.running_mean + self.momentum * (mean",
            "self.running_var += self.momentum * (var",
            "self.running_var = self.running_var + self.momentum * (var",
            en="the running statistics keep the graph of every batch: memory grows, and a gradient in evaluation goes "
               "back into old batches. Update them under no_grad",
            zh="运行统计量留住了每一批的计算图：内存不断增长，评估时梯度还会传回旧的批。要在 no_grad 中更新",
        ),
        mutant(
            "no_affine", "y * self.weight[:, None, None] + self.bias[:, None, None]", "y",
            en="scale and shift are missing: y · weight + bias",
            zh="少了缩放和平移：y · weight + bias",
        ),
        mutant(
            "not_saved", 'self.register_buffer("running_mean", torch.zeros(num_features))',
            "self.__dict__['running_mean'] = torch.zeros(num_features)",
            "self.running_mean += self.momentum * (mean.flatten() - self.running_mean)",
            "self.running_mean = self.running_mean + self.momentum * (mean.flatten() - self.running_mean)",
            'self.register_buffer("running_var", torch.ones(num_features))',
            "self.__dict__['running_var'] = torch.ones(num_features)",
            "self.running_var += self.momentum * (var.flatten() * n / (n - 1) - self.running_var)",
            "self.running_var = self.running_var + self.momentum * (var.flatten() * n / (n - 1) - self.running_var)",
            en="the running statistics are plain attributes: they are not in state_dict, so a saved model "
               "forgets them. Use register_buffer",
            zh="运行统计量只是普通属性：不在 state_dict 里，保存的模型会忘掉它们。要用 register_buffer",
        ),
        mutant(
            "weight_starts_at_zero", "nn.Parameter(torch.ones(num_features))",
            "nn.Parameter(torch.zeros(num_features))",
            en="weight starts at zeros, so nothing comes through; it starts at ones",
            zh="weight 的初值是零，什么都传不过去；初值应为一",
        ),
        mutant(
            "bias_starts_at_one", "nn.Parameter(torch.zeros(num_features))", "nn.Parameter(torch.ones(num_features))",
            en="bias starts at ones; it starts at zeros",
            zh="bias 的初值是一；初值应为零",
        ),
        near_miss(
            "one_pass", "(centred * centred).mean((0, 2, 3), keepdim=True)",
            "(x * x).mean((0, 2, 3), keepdim=True) - mean * mean",
            en="E[x²] − E[x]² subtracts two huge equal numbers. Subtract the mean first, square afterwards",
            zh="E[x²] − E[x]² 是两个巨大且几乎相等的数相减。请先减均值，再平方",
        ),
    ],
)  # fmt: skip

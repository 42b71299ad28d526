"""The check of f1-layer-norm."""

import torch.nn.functional as F

from deepdojo.grader import Check, case, mutant, near_miss, normal


def oracle(x, weight, bias, eps):
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


AFFINE = {"weight": normal("D", mean=1), "bias": normal("D")}

check = Check(
    oracle,
    cases=[
        case("tokens", x=normal("B T D"), **AFFINE, eps=1e-5),
        case("large eps", x=normal("B T D", scale=0.1), **AFFINE, eps=0.5),
        case("one sequence", sizes={"N": 7, "D": 7}, x=normal("N D", mean=3), **AFFINE, eps=1e-3),
        case("one token", sizes={"B": 1, "T": 1}, x=normal("B T D"), **AFFINE, eps=1e-5),
        case("a single vector", x=normal("D"), **AFFINE, eps=1e-5),
        case("large mean", x=normal("B T D", mean=10_000), **AFFINE, eps=1e-5,
             note=("values near 10 000", "数值约 10 000")),
    ],
    forbidden=["layer_norm", "rms_norm", "group_norm", "instance_norm", "batch_norm", "normalize"],
    allowed=("mean, var, sqrt and rsqrt are yours to use.", "可以使用 mean、var、sqrt、rsqrt。"),
    mutants=[
        mutant(
            "unbiased", "(centred * centred).mean(-1, keepdim=True)",
            "(centred * centred).sum(-1, keepdim=True) / (x.shape[-1] - 1)",
            en="the variance is divided by D − 1; normalisation divides by D = {D}",
            zh="方差除以了 D − 1；归一化要除以 D = {D}",
        ),
        mutant(
            "eps_outside", "torch.sqrt(variance + eps)", "(torch.sqrt(variance) + eps)",
            en="eps stands beside the root; here it belongs under it: √(variance + eps)",
            zh="eps 放在了根号外面；这里应在根号里：√(variance + eps)",
        ),
        mutant(
            "first_axis", "mean = x.mean(-1, keepdim=True)", "mean = x.mean(0, keepdim=True)",
            "variance = (centred * centred).mean(-1, keepdim=True)",
            "variance = (centred * centred).mean(0, keepdim=True)",
            en="mean and variance are taken over the batch; each token has its own",
            zh="均值和方差取在批上了；每个词元应有自己的",
        ),
        mutant(
            "all_axes", "mean = x.mean(-1, keepdim=True)", "mean = x.mean()",
            "variance = (centred * centred).mean(-1, keepdim=True)", "variance = (centred * centred).mean()",
            en="one mean and one variance for the whole tensor; each token has its own",
            zh="整个张量只用了一个均值和方差；每个词元应有自己的",
        ),
        mutant(
            "detached_statistics", "mean = x.mean(-1, keepdim=True)", "mean = x.mean(-1, keepdim=True).detach()",
            "(variance + eps) * weight", "(variance.detach() + eps) * weight",
            en="mean and variance are detached: they depend on x, and the gradient passes through them",
            zh="均值和方差被 detach 了：它们依赖 x，梯度也要经过它们",
        ),
        mutant(
            "mean_detached", "mean = x.mean(-1, keepdim=True)", "mean = x.mean(-1, keepdim=True).detach()",
            en="the mean is detached: it depends on x, and the gradient passes through it",
            zh="均值被 detach 了：它依赖 x，梯度也要经过它",
        ),
        mutant(
            "variance_detached", "(variance + eps) * weight", "(variance.detach() + eps) * weight",
            en="the variance is detached: it depends on x, and the gradient passes through it",
            zh="方差被 detach 了：它依赖 x，梯度也要经过它",
        ),
        mutant(
            "no_centring", "centred = x - mean", "centred = x",
            en="the mean is not subtracted: that is RMS norm with a shift",
            zh="没有减去均值：那是带偏移的 RMS 归一化",
        ),
        mutant(
            "no_gain", "torch.sqrt(variance + eps) * weight + bias", "torch.sqrt(variance + eps)",
            en="gain and shift (weight and bias) are left out",
            zh="漏掉了增益和偏移（weight 与 bias）",
        ),
        mutant(
            "gain_on_shift", "/ torch.sqrt(variance + eps) * weight + bias",
            "/ torch.sqrt(variance + eps) * weight + bias * weight",
            en="the shift is multiplied by the gain, too: gain first, then plus bias",
            zh="偏移也乘了增益：应先乘增益，再加 bias",
        ),
        mutant(
            "in_place", "centred = x - mean", "centred = x.sub_(mean)",
            en="an in-place operation (-=, sub_, x[...] = …) on x. Write x = x - mean instead",
            zh="对 x 做了原地操作（-=、sub_、x[...] = …）。请改成 x = x - mean",
        ),
        mutant(
            "all_but_batch", "mean = x.mean(-1, keepdim=True)",
            "mean = x.flatten(1).mean(1).view(-1, *[1] * (x.dim() - 1))",
            "variance = (centred * centred).mean(-1, keepdim=True)",
            "variance = (centred * centred).flatten(1).mean(1).view(-1, *[1] * (x.dim() - 1))",
            en="the statistics run over a whole sample; each token has its own",
            zh="统计量取在整个样本上了；每个词元应有自己的",
        ),
        near_miss(
            "one_pass", "(centred * centred).mean(-1, keepdim=True)",
            "(x * x).mean(-1, keepdim=True) - mean * mean",
            en="E[x²] − E[x]² subtracts two huge equal numbers. Subtract the mean first, square afterwards",
            zh="E[x²] − E[x]² 是两个巨大且几乎相等的数相减。请先减均值，再平方",
        ),
    ],
)  # fmt: skip

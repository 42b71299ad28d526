"""The check of i2-mel. Corners in float32 are right: hence the tolerance."""

import math

import torch

from deepdojo.grader import Check, adapt, case, mutant


@adapt("mel_filters")
def drive(mel_filters, n_mels, n_fft, sr):
    usual = torch.get_default_dtype()
    narrow = mel_filters(n_mels, n_fft, sr)
    try:
        torch.set_default_dtype(torch.float64)
        filters = mel_filters(n_mels, n_fft, sr)
    finally:
        torch.set_default_dtype(usual)
    if not (isinstance(narrow, torch.Tensor) and isinstance(filters, torch.Tensor)):
        return {"filters": filters, "dtype": "float32"}
    return {"filters": filters.double(), "dtype": str(narrow.dtype).removeprefix("torch.")}


def oracle(n_mels, n_fft, sr):
    """Number by number."""
    step = math.log1p(sr / 1400) / (n_mels + 1)
    corner = [700 * math.expm1(step * i) for i in range(n_mels + 2)]
    rows = []
    for f in range(n_fft // 2 + 1):
        hertz, row = sr * f / n_fft, []
        for low, middle, high in zip(corner, corner[1:], corner[2:], strict=False):
            inside = low < hertz < high
            side = (hertz - low) / (middle - low) if hertz <= middle else (high - hertz) / (high - middle)
            row.append(side if inside else 0.0)
        rows.append(row)
    return {"filters": torch.tensor(rows, dtype=torch.float64), "dtype": "float32"}


def slaney(n_mels, n_fft, sr):
    def mel(f):
        return 3 * f / 200 if f < 1000 else 15 + math.log(f / 1000) / (math.log(6.4) / 27)

    def hertz(m):
        return 200 * m / 3 if m < 15 else 1000 * math.exp((math.log(6.4) / 27) * (m - 15))

    top = mel(sr / 2)
    corners = torch.tensor([hertz(top * i / (n_mels + 1)) for i in range(n_mels + 2)])
    bins = torch.arange(n_fft // 2 + 1)[:, None] * (sr / n_fft)
    rising = (bins - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - bins) / (corners[2:] - corners[1:-1])
    return torch.minimum(rising, falling).clamp(min=0)


check = Check(
    oracle,
    adapt=drive,
    cases=[
        case("speech", n_mels=lambda d: d.integer(11, 20), n_fft=256, sr=16000),
        case("another rate", n_mels=lambda d: d.integer(8, 14), n_fft=200, sr=lambda d: 2 * d.integer(5000, 12000)),
        case("more bands than bins", n_mels=23, n_fft=32, sr=8000),
        case("one band", n_mels=1, n_fft=64, sr=8000),
    ],
    gradient=False,
    float32=False,
    layout=False,
    tolerance=1e-3,
    mutants=[
        mutant(
            "linear_spacing", "corners = 700 * (10 ** (mels / 2595) - 1)",
            "corners = torch.linspace(0, 1, n_mels + 2) * (sr / 2)",
            en="the corners stand at equal steps of Hz; the steps are equal in mel",
            zh="角点按 Hz 等距排列了；应按梅尔等距",
        ),
        mutant(
            "stays_in_mel", "bins = torch.arange(n_fft // 2 + 1)[:, None] * (sr / n_fft)  # (F, 1)",
            "bins = torch.arange(n_fft // 2 + 1)[:, None] * (sr / n_fft)\n    corners = mels\n"
            "    bins = 2595 * torch.log10(1 + bins / 700)",
            en="the triangles are straight in mel; the corners go back to Hz, and the lines are straight there",
            zh="三角形的边在梅尔上是直的；角点应换算回 Hz，边在 Hz 上是直的",
        ),
        mutant(
            "natural_logarithm", "2595 * torch.log10(", "2595 * torch.log(",
            en="2595 belongs to log10; with the natural logarithm the number is 1127",
            zh="2595 对应的是 log10；用自然对数时应为 1127",
        ),
        mutant(
            "up_to_the_rate", "sr / 2 / 700", "sr / 700",
            en="the bands reach up to sr; a spectrum ends at sr / 2",
            zh="频带一直到 sr；而频谱到 sr / 2 为止",
        ),
        mutant(
            "slaney_scale", function=slaney,
            en="this is Slaney's mel scale, linear below 1000 Hz (librosa's default); the formula asked for is 2595 "
               "log10(1 + f / 700)",
            zh="这是 Slaney 的梅尔刻度（1000 Hz 以下为线性，librosa 的默认）；这里要的公式是 2595 log10(1 + f / 700)",
        ),
        mutant(
            "area_of_one", "return torch.minimum(rising, falling).clamp(min=0)",
            "return torch.minimum(rising, falling).clamp(min=0) * 2 / (corners[2:] - corners[:-2])",
            en="the triangles are divided by their width (area 1); height 1 is asked for",
            zh="三角形除以了宽度（面积为 1）；这里要的是高度为 1",
        ),
        mutant(
            "columns_sum_to_one", "return torch.minimum(rising, falling).clamp(min=0)",
            "found = torch.minimum(rising, falling).clamp(min=0)\n    return found / found.sum(0).clamp(min=1e-9)",
            en="each band is divided by its sum; height 1 is asked for",
            zh="每个频带除以了自己的和；这里要的是高度为 1",
        ),
        mutant(
            "corners_rounded", "corners = 700 * (10 ** (mels / 2595) - 1)  # Hz",
            "corners = 700 * (10 ** (mels / 2595) - 1)\n"
            "    corners = torch.floor((n_fft + 1) * corners / sr) * sr / n_fft",
            "/ (corners[1:-1] - corners[:-2])", "/ (corners[1:-1] - corners[:-2]).clamp(min=1e-9)",
            "/ (corners[2:] - corners[1:-1])", "/ (corners[2:] - corners[1:-1]).clamp(min=1e-9)",
            en="the corners are rounded to bins; keep them where they are, low bands would be empty",
            zh="角点被取整到了频点；应保持原位，否则低处的频带会是空的",
        ),
        mutant(
            "bins_off_by_one", "torch.arange(n_fft // 2 + 1)[:, None]", "torch.arange(1, n_fft // 2 + 2)[:, None]",
            en="the bins are counted from 1; bin 0 stands at 0 Hz",
            zh="频点从 1 数起了；第 0 个频点在 0 Hz",
        ),
        mutant(
            "bin_width", "(sr / n_fft)", "(sr / 2 / (n_fft // 2 + 1))",
            en="the bins are too close: the last of n_fft // 2 + 1 bins stands at sr / 2, so the step is sr / n_fft",
            zh="频点间隔太小：n_fft // 2 + 1 个频点中最后一个在 sr / 2，所以间隔是 sr / n_fft",
        ),
        mutant(
            "corners_too_few", "torch.linspace(0, 1, n_mels + 2) * top", "torch.arange(n_mels + 2) / n_mels * top",
            en="the steps are too wide: n_mels + 2 corners have n_mels + 1 steps between them",
            zh="步长太大：n_mels + 2 个角点之间有 n_mels + 1 步",
        ),
        mutant(
            "below_zero", ".clamp(min=0)", "",
            en="outside its corners a band goes below zero; it is zero there",
            zh="在角点之外，频带的值低于零；那里应为零",
        ),
        mutant(
            "maximum_of_lines", "torch.minimum(rising, falling)", "torch.maximum(rising, falling)",
            en="the larger of the two lines is taken; inside a triangle it is the smaller one",
            zh="取了两条直线中较大的；三角形内应取较小的",
        ),
        mutant(
            "bands_first", ".clamp(min=0)", ".clamp(min=0).T",
            en="bands come before frequencies, as librosa has it; (F, M) is asked for",
            zh="频带在频率之前（librosa 的排列）；这里要的是 (F, M)",
        ),
    ],
)  # fmt: skip

"""The check of i1-stft. Real and imaginary parts are compared, so that gradients are."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("stft")
def drive(stft, x, n_fft, hop, window):
    found = stft(x, n_fft, hop, window)
    if isinstance(found, torch.Tensor) and found.is_complex():
        return torch.view_as_real(found.resolve_conj())
    return found


def oracle(x, n_fft, hop, window):
    return torch.view_as_real(torch.stft(x, n_fft, hop, window=window, center=True, return_complex=True))


def hann(d):
    return torch.hann_window(d["n_fft"], dtype=torch.float64)


def uneven(d):
    """Not symmetric, so that a window that is turned round or made anew shows."""
    return 0.2 + d.uniform(str(d["n_fft"]))


def sound(name, n_fft, hop, window, samples, **more):
    return case(
        name, sizes={"N": samples, "B": 3, **more}, x=normal("B N"), n_fft=n_fft, hop=hop, window=window,
        note=(f"{samples} samples", f"{samples} 个采样"),
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        sound("Hann window", 8, 2, hann, 30),
        sound("another window", 8, 3, uneven, 31),
        sound("frames side by side", 6, 6, uneven, 32),
        sound("a hop that divides the samples", 12, 5, uneven, 40),
        sound("hardly longer than half a frame", 16, 4, uneven, 9),
        sound("one sound", 10, 4, hann, 25, B=1),
    ],
    forbidden=["stft", "spectrogram"],
    allowed=("pad, unfold and torch.fft.rfft are yours to use.", "可以使用 pad、unfold、torch.fft.rfft。"),
    mutants=[
        mutant(
            "no_padding", 'F.pad(x, (n_fft // 2, n_fft // 2), mode="reflect")',
            "F.pad(x, (0, max(0, n_fft - x.shape[1])))",
            en="nothing is put before the first sample: frame t begins at t · hop, its middle shall be there",
            zh="第一个采样之前什么都没补：第 t 帧从 t · hop 开始，而那里应是它的中心",
        ),
        mutant(
            "zeros_at_the_ends", ', mode="reflect")', ")",
            en="the ends are filled with zeros; they are mirrored",
            zh="两端补的是零；应当镜像",
        ),
        mutant(
            "ends_repeated", 'mode="reflect"', 'mode="replicate"',
            en="the end sample is repeated; the ends are mirrored",
            zh="两端重复了端点的采样；应当镜像",
        ),
        mutant(
            "mirror_with_the_end", 'F.pad(x, (n_fft // 2, n_fft // 2), mode="reflect")',
            "torch.cat([x[:, : n_fft // 2].flip(1), x, x[:, -(n_fft // 2) :].flip(1)], 1)",
            en="the mirror repeats the end sample: x1 x0 | x0 x1; it shall be x2 x1 | x0 x1",
            zh="镜像重复了端点：x1 x0 | x0 x1；应为 x2 x1 | x0 x1",
        ),
        mutant(
            "no_window", "frames * window", "frames",
            en="the window is not applied: hard edges spread over all frequencies",
            zh="没有乘窗：生硬的边缘会扩散到所有频率",
        ),
        mutant(
            "own_window", "frames * window", "frames * torch.hann_window(n_fft, dtype=x.dtype)",
            en="a Hann window is made here; the window comes from the argument",
            zh="这里自己造了一个 Hann 窗；窗应来自参数",
        ),
        mutant(
            "symmetric_window", "frames * window", "frames * torch.hann_window(n_fft, periodic=False, dtype=x.dtype)",
            en="a symmetric Hann window is made here; the window comes from the argument",
            zh="这里自己造了一个对称的 Hann 窗；窗应来自参数",
        ),
        mutant(
            "window_twice", "frames * window", "frames * window * window",
            en="the window is applied twice",
            zh="窗乘了两次",
        ),
        mutant(
            "magnitude", "return spectra.transpose(1, 2)", "return spectra.abs().transpose(1, 2)",
            en="the magnitudes are returned; the complex numbers are asked for, since the phase is lost otherwise",
            zh="返回的是幅度；要的是复数，否则就丢掉了相位",
        ),
        mutant(
            "power", "return spectra.transpose(1, 2)", "return spectra.abs().square().transpose(1, 2)",
            en="the power is returned; the complex numbers are asked for",
            zh="返回的是功率；要的是复数",
        ),
        mutant(
            "conjugated", "return spectra.transpose(1, 2)", "return spectra.conj().transpose(1, 2)",
            en="the imaginary part has the other sign: the exponent is −2πi f n / n_fft",
            zh="虚部的符号反了：指数是 −2πi f n / n_fft",
        ),
        mutant(
            "time_first", "return spectra.transpose(1, 2)", "return spectra",
            en="frames come before frequencies; (B, frequencies, frames) is asked for",
            zh="帧在频率之前；要的是 (B, 频率, 帧)",
        ),
        mutant(
            "all_frequencies", "torch.fft.rfft(", "torch.fft.fft(",
            en="all n_fft frequencies are returned; of real samples the upper half repeats the lower: n_fft // 2 + 1",
            zh="返回了全部 n_fft 个频率；对实数采样，上半部分只是重复：取 n_fft // 2 + 1 个",
        ),
        mutant(
            "last_frame_dropped", "return spectra.transpose(1, 2)", "return spectra[:, :-1].transpose(1, 2)",
            en="the last frame is missing: there are 1 + N // hop",
            zh="缺了最后一帧：一共有 1 + N // hop 帧",
        ),
        mutant(
            "nyquist_dropped", "return spectra.transpose(1, 2)", "return spectra[:, :, :-1].transpose(1, 2)",
            en="the highest frequency is missing: there are n_fft // 2 + 1",
            zh="缺了最高的频率：一共有 n_fft // 2 + 1 个",
        ),
        mutant(
            "normalised", "torch.fft.rfft(frames * window)", 'torch.fft.rfft(frames * window, norm="ortho")',
            en="the spectra are divided by √n_fft; no normalisation is asked for",
            zh="频谱除以了 √n_fft；这里不要归一化",
        ),
        mutant(
            "centred_by_shift", "frames * window)", "torch.fft.ifftshift(frames * window, dim=-1))",
            en="the phase is counted from the middle of the frame; it is counted from its first sample",
            zh="相位从帧的中心算起；应从它的第一个采样算起",
        ),
        mutant(
            "detached", "frames = padded.unfold", "frames = padded.detach().unfold",
            en="x is detached: nothing before this transform learns",
            zh="x 被 detach 了：这个变换之前的部分学不到任何东西",
        ),
    ],
)  # fmt: skip

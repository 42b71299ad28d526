import torch


def stft(x, n_fft, hop, window):
    half = n_fft // 2
    long = torch.cat([x[:, 1 : half + 1].flip(1), x, x[:, -half - 1 : -1].flip(1)], dim=1)
    columns = []
    for start in range(0, long.shape[1] - n_fft + 1, hop):
        whole = torch.fft.fft(long[:, start : start + n_fft] * window, dim=1)
        columns.append(whole[:, : half + 1])
    return torch.stack(columns, dim=-1)

"""Recurrent layers beside torch's own, and the CRF beside pytorch-crf."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from deepdojo.layers import CRF, GRU, LSTM, RNN
from model_pairs import Pair, step

__all__ = ["crf_pairs", "recurrence_pairs"]


def recurrence_pairs() -> Iterator[Pair]:
    """RNN, GRU and LSTM: whole sequences, batches of mixed length against torch's packed ones."""
    B, T, I, H = 32, 50, 128, 128
    x, g = torch.randn(B, T, I, requires_grad=True), torch.Generator().manual_seed(0)
    for ours, theirs in ((RNN, nn.RNN), (GRU, nn.GRU), (LSTM, nn.LSTM)):
        for both in (False, True):
            torchs = theirs(I, H, bidirectional=both, batch_first=True)
            mine = ours(I, H, bidirectional=both)
            mine.load_state_dict(torchs.state_dict())
            name = f"{theirs.__name__}{', both ways' if both else ''}"
            yield Pair(f"{name}, whole", step(lambda m=mine: m(x)[0]), step(lambda m=torchs: m(x)[0]), 0.95)
            for kind, shortest in (("like lengths", 40), ("mixed lengths", 5)):
                lengths = torch.randint(shortest, T + 1, (B,), generator=g)
                lengths[0] = T
                keep = torch.arange(T) < lengths[:, None]
                yield Pair(
                    f"{name}, {kind}",
                    step(lambda m=mine, k=keep: m(x, k)[0]),
                    step(lambda m=torchs, n=lengths: _packed(m, x, n)),
                    0.95,
                )


def crf_pairs() -> Iterator[Pair]:
    """Mean negative log-likelihood, forward and backward, and Viterbi; sentences of 5 to T words."""
    import torchcrf

    g = torch.Generator().manual_seed(0)
    for B, T, N in ((32, 50, 20), (32, 40, 45), (16, 20, 9)):
        lengths = torch.randint(5, T + 1, (B,), generator=g)
        lengths[0] = T
        keep = torch.arange(T) < lengths[:, None]
        scores, tags = torch.randn(B, T, N, requires_grad=True), torch.randint(0, N, (B, T), generator=g)
        theirs = torchcrf.CRF(N, batch_first=True)
        ours = CRF(N)
        ours.load_state_dict(theirs.state_dict())
        size = f"{B} x {T} words, {N} tags"
        yield Pair(
            f"CRF loss, {size}",
            step(lambda c=ours, s=scores, t=tags, k=keep: c.nll(s, t, k).mean()),
            step(lambda c=theirs, s=scores, t=tags, k=keep: -c(s, t, k, reduction="mean")),
            4.0 if N >= 20 else 2.0,  # of a small one the fixed cost of our calls is the larger part
        )
        yield Pair(
            f"CRF decode, {size}",
            lambda c=ours, s=scores, k=keep: c.decode(s, k),
            lambda c=theirs, s=scores, k=keep: c.decode(s, k),
            1.0,
        )


def _packed(layer: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
    ys, _ = layer(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    return pad_packed_sequence(ys, batch_first=True)[0]

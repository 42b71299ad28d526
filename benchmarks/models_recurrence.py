"""How fast our recurrent layers and our CRF are, beside torch's own modules and pytorch-crf.

    python benchmarks/models_recurrence.py             # two minutes on two idle cores

Both of a pair do the same work, forward and backward, in turns: a segment of ours, a segment of theirs, and so on, so
that whatever else the machine does hits both. The ratio is theirs over ours (above 1: ours is faster), segment by
segment; the table has its median. What is compared is equal: `tests/layers` shows it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from deepdojo.layers import CRF, GRU, LSTM, RNN

Call = Callable[[], object]


@dataclass(frozen=True)
class Pair:
    """Two ways to the same numbers; `goal` is the ratio that ours should reach."""

    name: str
    ours: Call
    theirs: Call
    goal: float


@dataclass(frozen=True)
class Measured:
    """Median milliseconds of a call, and the median of the segments' ratios with the smallest and largest of them."""

    name: str
    ours_ms: float
    theirs_ms: float
    ratio: float
    lowest: float
    highest: float
    goal: float


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
            yield Pair(f"{name}, whole", _step(lambda m=mine: m(x)[0]), _step(lambda m=torchs: m(x)[0]), 0.95)
            for kind, shortest in (("like lengths", 40), ("mixed lengths", 5)):
                lengths = torch.randint(shortest, T + 1, (B,), generator=g)
                lengths[0] = T
                keep = torch.arange(T) < lengths[:, None]
                yield Pair(
                    f"{name}, {kind}",
                    _step(lambda m=mine, k=keep: m(x, k)[0]),
                    _step(lambda m=torchs, n=lengths: _packed(m, x, n)),
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
            _step(lambda c=ours, s=scores, t=tags, k=keep: c.nll(s, t, k).mean()),
            _step(lambda c=theirs, s=scores, t=tags, k=keep: -c(s, t, k, reduction="mean")),
            4.0 if N >= 20 else 2.0,  # of a small one the fixed cost of our calls is the larger part
        )
        yield Pair(
            f"CRF decode, {size}",
            lambda c=ours, s=scores, k=keep: c.decode(s, k),
            lambda c=theirs, s=scores, k=keep: c.decode(s, k),
            1.0,
        )


def measure(pair: Pair, segments: int = 9, seconds: float = 0.25) -> Measured:
    """Segments of about `seconds`, of equally many calls on both sides, in turns."""
    for call in (pair.ours, pair.theirs):
        call()
        call()
    calls = max(1, int(seconds / max(_seconds(pair.theirs, 1), 1e-6)))
    rounds = [(_seconds(pair.ours, calls), _seconds(pair.theirs, calls)) for _ in range(segments)]
    ratios = [theirs / ours for ours, theirs in rounds]
    ours_ms, theirs_ms = (1000 * statistics.median(side) / calls for side in zip(*rounds, strict=True))
    return Measured(pair.name, ours_ms, theirs_ms, statistics.median(ratios), min(ratios), max(ratios), pair.goal)


def _seconds(call: Call, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - start


def _step(forward: Callable[[], Tensor]) -> Call:
    return lambda: forward().sum().backward()


def _packed(layer: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
    ys, _ = layer(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    return pad_packed_sequence(ys, batch_first=True)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="measure the pairs whose name has this in it")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    print(f"{'':42} {'ours ms':>8} {'theirs':>8} {'ratio':>6} {'range':>12}  goal")
    for pair in (*recurrence_pairs(), *crf_pairs()):
        if given.only in pair.name:
            m = measure(pair)
            spread = f"{m.lowest:.2f}-{m.highest:.2f}"
            met = "" if m.ratio >= m.goal else "  missed"
            print(
                f"{m.name:42} {m.ours_ms:8.2f} {m.theirs_ms:8.2f} {m.ratio:6.2f} {spread:>12}  {m.goal}{met}",
                flush=True,
            )


if __name__ == "__main__":
    main()

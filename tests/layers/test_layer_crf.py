"""The CRF against pytorch-crf, plain recursions, and all paths written out."""

from __future__ import annotations

import itertools

import pytest
import torch
import torchcrf
from layer_oracles import assert_equal, draw, lengths_mask, twin
from torch import nn

from deepdojo.errors import RecipeError
from deepdojo.layers import CRF, replaced
from deepdojo.layers.crf import path_score
from deepdojo.layers.crf_forward_backward import forward_backward
from deepdojo.layers.crf_log_partition import log_partition, log_partition_reference
from deepdojo.layers.crf_marginals import tag_marginals, tag_marginals_reference
from deepdojo.layers.crf_viterbi import viterbi, viterbi_reference
from deepdojo.layers.shapes import ShapeError

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
# What the scores are multiplied by: sums of numbers in float32, in float64, and sums of logs.
SIZES = pytest.mark.parametrize("size", [1.0, 30.0, 1e4])
KEEP = lengths_mask([7, 3, 1, 5], 7)
TAGS = torch.randint(0, 5, (4, 7), generator=torch.Generator().manual_seed(1))


def chain(N=5, size=1.0, dtype=torch.float64):
    return [size * draw(*shape, dtype=dtype, seed=9) for shape in ((N, N), (N,), (N,))]


class _Nll(nn.Module):
    def __init__(self, crf, call):
        super().__init__()
        self.crf, self.call = crf, call

    def forward(self, scores):
        return self.call(self.crf, scores)


@BOTH
@pytest.mark.parametrize("masked", [True, False])
def test_nll_equals_pytorch_crfs(masked, dtype):
    ours, theirs = twin(CRF(5), torchcrf.CRF(5, batch_first=True), dtype)
    keep = KEEP if masked else torch.ones_like(KEEP)
    assert_equal(
        _Nll(ours, lambda crf, s: crf(s, TAGS, keep if masked else None)),
        _Nll(theirs, lambda crf, s: -crf(s, TAGS, keep, reduction="none")),
        [2 * draw(4, 7, 5, dtype=dtype)],
    )


@BOTH
@SIZES
def test_log_partition_equals_the_plain_recursion(size, dtype):
    """The plain one always in float64: logs of 1e4 in float32 leave three digits to a probability. Ours have all."""
    keep = lengths_mask([7, 3, 1, 0], 7)
    assert_equal(
        lambda *t: log_partition(*t, keep),
        lambda *t: log_partition_reference(*(part.double() for part in t), keep).to(dtype),
        [size * draw(4, 7, 5, dtype=dtype), *chain(size=size, dtype=dtype)],
    )


def test_no_size_of_scores_and_no_forbidden_move_spoils_a_number():
    """Random sizes from 0.1 to 1,000, one to six tags, moves and beginnings that are forbidden by -inf."""
    g = torch.Generator().manual_seed(0)
    for case in range(80):
        T, N = (int(torch.randint(1, 7, (), generator=g)) for _ in "TN")
        a, b = (10 ** (4 * torch.rand(2, generator=g) - 1)).tolist()
        scores, parameters = a * torch.randn(3, T, N, generator=g), [
            b * torch.randn(*shape, generator=g) for shape in ((N, N), (N,), (N,))]  # fmt: skip
        if N > 1 and case % 4 == 0:
            parameters[0][0, 1] = -torch.inf
            parameters[1][0] = -torch.inf
        keep = torch.arange(T) < torch.randint(0, T + 1, (3, 1), generator=g)
        results = []
        for call, dtype in ((log_partition, torch.float32), (log_partition_reference, torch.float64)):
            leaves = [t.to(dtype).requires_grad_() for t in (scores, *parameters)]
            log_z = call(*leaves, keep)
            total = (log_z * torch.tensor([1.0, -2.0, 3.0], dtype=dtype)).sum()
            results.append([log_z, *torch.autograd.grad(total, leaves, allow_unused=True)])
        for mine, plain in zip(*results, strict=True):
            if plain is None:  # no step at all, or no second one: nothing is used
                assert (mine == 0).all()
                continue
            scale = max(1.0, plain.abs().max().item())
            torch.testing.assert_close(mine.double() / scale, plain / scale, rtol=0, atol=1e-6, msg=f"case {case}")
        assert torch.equal(viterbi(scores, *parameters, keep), viterbi_reference(scores, *parameters, keep))


def test_the_three_ways_of_summing_agree():
    """Scores of a middle range, as they are and with one forbidden transition that forces the sum of logs."""
    keep = lengths_mask([7, 3, 1, 0], 7)
    scores, (transitions, start, end) = draw(4, 7, 5), chain()
    by_numbers = forward_backward(scores.float(), transitions.float(), start.float(), end.float(), keep)
    in_float64 = forward_backward(scores, transitions, start, end, keep)
    assert by_numbers.left.dtype == torch.float32
    assert by_numbers.scaled
    assert in_float64.scaled
    torch.testing.assert_close(by_numbers.log_z.double(), in_float64.log_z, rtol=1e-5, atol=1e-5)
    wide = start.clone()
    wide[2] = -1e3  # never begun with, all but exactly
    by_logs, reference = forward_backward(scores, transitions, wide, end, keep), start.clone()
    reference[2] = -100.0
    assert not by_logs.scaled
    again = forward_backward(scores, transitions, reference, end, keep)
    assert again.scaled
    torch.testing.assert_close(by_logs.log_z, again.log_z)
    torch.testing.assert_close(by_logs.marginals, again.marginals)
    upcast = forward_backward(scores.float(), transitions.float(), reference.float(), end.float(), keep)
    assert upcast.left.dtype == torch.float64


@pytest.mark.parametrize("length", [0, 1, 2, 4])
def test_everything_equals_the_sum_over_all_paths(length):
    scores, (transitions, start, end) = draw(1, 4, 3), chain(3)
    keep = lengths_mask([length], 4)
    paths = torch.tensor(list(itertools.product(range(3), repeat=length)), dtype=torch.long).view(3**length, length)
    total = scores.new_zeros(len(paths))
    for row, path in enumerate(paths.tolist()):
        for t, tag in enumerate(path):
            total[row] += scores[0, t, tag] + (transitions[path[t - 1], tag] if t else start[tag])
        total[row] += end[path[-1]] if path else 0
    log_z = log_partition(scores, transitions, start, end, keep)
    torch.testing.assert_close(log_z, total.logsumexp(0)[None])
    best = viterbi(scores, transitions, start, end, keep)[0]
    assert best.tolist() == paths[total.argmax()].tolist() + [0] * (4 - length)
    tags = torch.full((len(paths), 4), -100)
    tags[:, :length] = paths
    every = [t.expand(len(paths), *t.shape[1:]) for t in (scores, keep)]
    torch.testing.assert_close(path_score(every[0], tags, transitions, start, end, every[1]), total)
    p = (total - log_z).exp()
    wanted = torch.zeros(1, 4, 3, dtype=torch.float64)
    for row, path in enumerate(paths.tolist()):
        for t, tag in enumerate(path):
            wanted[0, t, tag] += p[row]
    torch.testing.assert_close(tag_marginals(scores, transitions, start, end, keep), wanted)


@BOTH
@SIZES
def test_viterbi_equals_the_plain_one_and_pytorch_crfs(size, dtype):
    crf, theirs = twin(CRF(5), torchcrf.CRF(5, batch_first=True), dtype)
    scores = size * draw(4, 7, 5, dtype=dtype)
    tags = crf.decode(scores, KEEP)
    assert (tags[~KEEP] == 0).all()
    assert [row[real].tolist() for row, real in zip(tags, KEEP, strict=True)] == theirs.decode(scores, KEEP)
    keep = lengths_mask([7, 3, 1, 0], 7)
    assert torch.equal(viterbi(scores, *crf._chain(), keep), viterbi_reference(scores, *crf._chain(), keep))


@SIZES
def test_marginals_are_the_derivative_of_the_log_partition(size):
    keep = lengths_mask([7, 3, 1, 0], 7)
    arguments = (size * draw(4, 7, 5), *chain(size=size), keep)
    torch.testing.assert_close(tag_marginals(*arguments), tag_marginals_reference(*arguments), rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(tag_marginals(*arguments).sum(-1), keep.double())


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_padding_and_batch_never_matter(size):
    crf = CRF(5).double()
    scores, keep = size * draw(4, 7, 5), lengths_mask([7, 3, 1, 0], 7)
    results = []
    for values in (scores, scores.masked_fill(~keep[..., None], torch.nan)):
        losses = crf.nll(values.requires_grad_(), TAGS.masked_fill(~keep, -100), keep)
        gradients = torch.autograd.grad(losses.sum(), list(crf.parameters()))
        results.append((losses, *gradients, crf.decode(values, keep), crf.marginals(values, keep)))
    torch.testing.assert_close(*results)
    losses, tags = results[0][0], results[0][-2]
    assert losses[3] == 0
    for row, length in enumerate([7, 3, 1]):
        alone = scores[row : row + 1, :length]
        torch.testing.assert_close(crf.nll(alone, TAGS[row : row + 1, :length]), losses[row : row + 1])
        assert torch.equal(crf.decode(alone)[0], tags[row, :length])


def test_input_that_is_not_contiguous():
    crf, scores = CRF(5).double(), draw(5, 7, 4).permute(2, 1, 0)
    assert_equal(
        _Nll(crf, lambda crf, s: crf(s.permute(2, 1, 0), TAGS, KEEP)),
        _Nll(crf, lambda crf, s: crf(s.permute(2, 1, 0).contiguous(), TAGS, KEEP)),
        [scores.permute(2, 1, 0)],
    )


@pytest.mark.parametrize("shape", [(0, 7, 5), (3, 0, 5), (0, 0, 5)])
def test_nothing_in_nothing_out(shape):
    crf, scores = CRF(5), torch.zeros(shape, requires_grad=True)
    losses = crf.nll(scores, torch.zeros(shape[:2], dtype=torch.long))
    assert losses.tolist() == [0] * shape[0]
    losses.sum().backward()
    assert scores.grad.shape == shape
    assert crf.decode(scores).shape == shape[:2]
    assert crf.marginals(scores).shape == shape


def test_scores_of_half_precision_meet_transitions_of_single():
    crf, scores = CRF(5), draw(4, 7, 5, dtype=torch.float32).bfloat16().requires_grad_()
    losses = crf.nll(scores, TAGS, KEEP)
    assert losses.dtype == torch.float32
    torch.testing.assert_close(losses, crf.nll(scores.float(), TAGS, KEEP))
    losses.sum().backward()
    assert scores.grad.dtype == torch.bfloat16
    assert crf.transitions.grad.dtype == torch.float32


def test_a_second_derivative_is_refused():
    crf, scores = CRF(5), draw(2, 3, 5, dtype=torch.float32).requires_grad_()
    with pytest.raises(RuntimeError, match="log_partition has no second derivative"):
        torch.autograd.grad(crf.nll(scores, TAGS[:2, :3]).sum(), scores, create_graph=True)


def test_learners_recursions_take_part():
    calls = []

    def spy(name, plain):
        def stand_in(scores, transitions, start, end, keep=None):
            calls.append(name)
            return plain(scores, transitions, start, end, keep)

        return stand_in

    plain = {
        "log_partition": log_partition_reference,
        "viterbi": viterbi_reference,
        "tag_marginals": tag_marginals_reference,
    }
    with replaced({name: spy(name, function) for name, function in plain.items()}):
        theirs = CRF(5).double()
    ours, scores = CRF(5).double(), draw(4, 7, 5)
    ours.load_state_dict(theirs.state_dict())
    for call in (
        lambda c: c(scores, TAGS, KEEP),
        lambda c: c.decode(scores, KEEP),
        lambda c: c.marginals(scores, KEEP),
    ):
        torch.testing.assert_close(call(theirs), call(ours))
    assert calls == list(plain)


@pytest.mark.usefixtures("production")
def test_wrong_input_is_said():
    crf, scores, tags = CRF(5), torch.zeros(2, 3, 5), torch.zeros(2, 3, dtype=torch.long)
    with pytest.raises(RecipeError, match="a CRF needs 1 tag or more, got 0"):
        CRF(0)
    with pytest.raises(ShapeError, match="CRF expects 5 entries"):
        crf.decode(scores[..., 1:])
    with pytest.raises(ShapeError, match=r"keep must be bool \(2, 3\), got torch.int64 \(2, 3\)"):
        crf.nll(scores, tags, tags)
    with pytest.raises(ShapeError, match="keep has a gap in row 1"):
        crf.marginals(scores, torch.tensor([[True, True, False], [True, False, True]]))
    with pytest.raises(ShapeError, match=r"tags must be \(2, 3\) as the scores are, got \(2, 2\)"):
        crf.nll(scores, tags[:, 1:])
    with pytest.raises(ShapeError, match="tags run from 0 to 4, got 5"):
        crf.nll(scores, tags + 5)

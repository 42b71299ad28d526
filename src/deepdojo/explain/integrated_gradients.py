"""Integrated gradients: the gradient of the evidence along a straight path from `nothing` to the row.

Float entries are interpolated themselves. Whole numbers (tokens, categories) cannot be: their embeddings are, so the
modules that look them up are found by watching one pass of the model.

Legend: B examples, E entries of one example's tensor, D embedding width, P pieces, `*I` the axes of a look-up's ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepdojo.explain.evidence import Probe

__all__ = ["STEPS", "LookUp", "Path", "by_piece", "find_look_ups", "integrated_gradients", "path_of"]

STEPS = 32


@dataclass(frozen=True)
class LookUp:
    """One call of a module that turns ids of an entry into vectors.

    Attributes:
        call: which call of this module in a pass, from 0.
        axis: the batch axis of the ids.
        position: (*I without batch) which entry of the example each id is.
        row, blank: (*I without batch, D) its vectors for the row and for the baseline.
    """

    module: nn.Module
    call: int
    entry: str
    axis: int
    position: Tensor
    row: Tensor
    blank: Tensor


def integrated_gradients(probe: Probe, *, steps: int = STEPS) -> tuple[np.ndarray, int] | None:
    """score_i = sum over the entries e of piece i of (x_e - b_e) * mean over the path of d evidence / d x_e.

    The path is b + a (x - b), with a at the midpoints of `steps` equal parts of 0..1, over all entries at once; b is
    the row with every piece blank. Scores sum to evidence(x) - evidence(b) up to the error of the midpoint rule.

    Returns:
        scores (P,) float64 and the number of passes, or None where whole numbers reach the model by another way than a
        look-up module (their path has no meaning then).

    Cost: `steps` forward and backward passes, and two forward passes for the look-ups.

    Source: Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", equation 3
    """
    look_ups = find_look_ups(probe)
    if look_ups is None:
        return None
    floats = _floats(probe)
    found = np.zeros(len(probe.labels))
    # cuDNN refuses the backward pass of a recurrent network in evaluation mode; torch's own kernels do not.
    kernels = torch.backends.cudnn.flags(enabled=False) if probe.device.type == "cuda" else nullcontext()
    with kernels:
        for part in ((torch.arange(steps) + 0.5) / steps).to(probe.device).split(probe.chunk):
            found += _part(probe, floats, look_ups, part) / steps
    return found, 2 * steps + (2 if look_ups else 0)


@dataclass(frozen=True)
class Path:
    """The same path of one row as plain vectors of all D numbers that change on it.

    Attributes:
        x, blank: (1, D) the row, and `nothing`.
        evidence: (N, D) points -> (N,); each by itself, with a gradient.
        owner: (D,) the piece that a number belongs to, -1 for none.
    """

    x: Tensor
    blank: Tensor
    evidence: Callable[[Tensor], Tensor]
    owner: Tensor


def path_of(probe: Probe) -> Path | None:
    """What a function of vectors needs to explain a row; None as in `integrated_gradients`."""
    look_ups = find_look_ups(probe)
    if look_ups is None:
        return None
    floats, everything = _floats(probe), torch.ones(1, probe.units, dtype=torch.bool, device=probe.device)
    ends = [(probe.batch[name][0], probe.blanked(name, everything)[0]) for name in floats]
    ends += [(look_up.row, look_up.blank) for look_up in look_ups]
    owners = [probe.owner[name] for name in floats]
    for look_up in look_ups:
        owner = probe.owner[look_up.entry][look_up.position]
        owners.append(owner.unsqueeze(-1).expand(look_up.row.shape).flatten())
    if not ends:
        return None

    def evidence(points: Tensor) -> Tensor:
        batch, parts = probe.repeated(len(points)), points.split([row.numel() for row, _ in ends], 1)
        shaped = [part.reshape(len(points), *row.shape) for part, (row, _) in zip(parts, ends, strict=True)]
        batch |= dict(zip(floats, shaped, strict=False))
        replaced = [(one, part.movedim(0, one.axis)) for one, part in zip(look_ups, shaped[len(floats) :], strict=True)]
        with _replacing(replaced):
            return probe.evidence_of(batch)

    x, blank = (torch.cat([pair[i].flatten() for pair in ends])[None].detach() for i in (0, 1))
    return Path(x, blank, evidence, torch.cat([owner.flatten() for owner in owners]))


def by_piece(path: Path, shares: Tensor, pieces: int) -> np.ndarray:
    """(P,) float64 sums of the (D,) shares of the numbers of each piece."""
    return _by_piece(shares.detach().cpu().double(), path.owner.cpu(), pieces)


def _floats(probe: Probe) -> list[str]:
    return [name for name, owner in probe.owner.items() if owner.numel() and probe.batch[name].is_floating_point()]


def _part(probe: Probe, floats: list[str], look_ups: list[LookUp], alphas: Tensor) -> np.ndarray:
    """(P,) the sum over some points of the path of (x - b) * gradient."""
    batch, everything = probe.repeated(len(alphas)), torch.ones(1, probe.units, dtype=torch.bool, device=probe.device)
    leaves: list[Tensor] = []
    steps: list[tuple[Tensor, Tensor]] = []  # (x - b, which piece each entry belongs to)
    for name in floats:
        x, b = probe.batch[name], probe.blanked(name, everything)
        batch[name] = _path(x[0], b[0], alphas, 0)
        leaves.append(batch[name])
        steps.append((x - b, probe.owner[name]))
    replaced = []
    for look_up in look_ups:
        vectors = _path(look_up.row, look_up.blank, alphas, look_up.axis)
        replaced.append((look_up, vectors))
        leaves.append(vectors)
        steps.append(
            ((look_up.row - look_up.blank).unsqueeze(look_up.axis), probe.owner[look_up.entry][look_up.position])
        )
    found = np.zeros(len(probe.labels))
    with torch.enable_grad(), _replacing(replaced):
        evidence = probe.evidence_of(batch).sum()
        if not evidence.requires_grad:  # the decision does not look at its input
            return found
        gradients = torch.autograd.grad(evidence, leaves, allow_unused=True)
    axes = [0] * len(floats) + [look_up.axis for look_up in look_ups]
    for gradient, (step, owner), axis in zip(gradients, steps, axes, strict=True):
        if gradient is not None:
            shares = (gradient.sum(axis, keepdim=True) * step).cpu().double().reshape(len(owner.flatten()), -1).sum(1)
            found += _by_piece(shares, owner.flatten().cpu(), len(found))
    return found


def _path(x: Tensor, b: Tensor, alphas: Tensor, axis: int) -> Tensor:
    """b + alpha (x - b) for each alpha, stacked along `axis`: a leaf."""
    shape = [1] * (x.ndim + 1)
    shape[axis] = len(alphas)
    points = b.unsqueeze(axis) + alphas.to(x.dtype).view(shape) * (x - b).unsqueeze(axis)
    return points.detach().requires_grad_()


def _by_piece(shares: Tensor, owner: Tensor, pieces: int) -> np.ndarray:
    owned = owner >= 0
    return np.bincount(owner[owned].numpy(), weights=shares[owned].numpy(), minlength=pieces)


def find_look_ups(probe: Probe) -> list[LookUp] | None:
    """The calls that turn the row's whole numbers into vectors, or None where one of these numbers has no such call.

    A look-up is the innermost module that is called with a view (or a copy) of the entry and gives one vector an id.
    """
    ids = [
        name
        for name, owner in probe.owner.items()
        if not probe.batch[name].is_floating_point() and bool((owner >= 0).any())
    ]
    if not ids:
        return []
    everything = torch.ones(1, probe.units, dtype=torch.bool, device=probe.device)
    batch = probe.repeated(2)
    for name in probe.owner:
        if probe.owner[name].numel():
            batch[name] = torch.cat([probe.batch[name], probe.blanked(name, everything)])
    found: list[tuple[str, LookUp]] = []
    names = {module: name for name, module in probe.model.named_modules()}

    def seen(module: nn.Module, call: int, inputs: tuple[Any, ...], output: Any) -> None:
        for entry in ids:
            look_up = _as_look_up(module, call, entry, inputs, output, batch[entry])
            if look_up is not None:
                found.append((names[module], look_up))

    with torch.no_grad(), _watching(probe.model.modules(), seen):
        probe.task.loss(probe.model, batch)
    inner = [look_up for name, look_up in found if not any(_is_inside(other, name) for other, _ in found)]
    for entry in ids:
        needed = set((probe.owner[entry] >= 0).nonzero().flatten().tolist())
        if not needed <= {
            p for seen_one in inner if seen_one.entry == entry for p in seen_one.position.flatten().tolist()
        }:
            return None
    return inner


def _is_inside(name: str, outer: str) -> bool:
    return name != outer and (outer == "" or name.startswith(outer + "."))


def _as_look_up(
    module: nn.Module, call: int, entry: str, inputs: tuple[Any, ...], output: Any, values: Tensor
) -> LookUp | None:
    ids = inputs[0] if inputs else None
    if not isinstance(ids, Tensor) or not isinstance(output, Tensor) or not output.is_floating_point():
        return None
    if output.ndim != ids.ndim + 1 or output.shape[:-1] != ids.shape:
        return None
    position = _position(ids, values)
    if position is None:
        return None
    size = values[0].numel()
    for axis in range(ids.ndim):
        # The watched batch is the row and its baseline, so the batch axis is the one along which the example changes.
        if ids.shape[axis] == 2 and all(bool((position.select(axis, i) // size == i).all()) for i in (0, 1)):
            row, blank = output.detach().select(axis, 0), output.detach().select(axis, 1)
            return LookUp(module, call, entry, axis, position.select(axis, 0), row.clone(), blank.clone())
    return None


def _position(ids: Tensor, values: Tensor) -> Tensor | None:
    """Which entry of `values` each of `ids` is: read off the strides of a view, or equal place by place in a copy."""
    if ids.is_floating_point() or ids.dtype == torch.bool or not ids.numel():
        return None
    index = torch.arange(values.numel(), device=values.device)
    if ids.dtype == values.dtype and ids.untyped_storage().data_ptr() == values.untyped_storage().data_ptr():
        return index.as_strided(ids.shape, ids.stride(), ids.storage_offset())
    if ids.shape == values.shape and bool((ids == values).all()):
        return index.view(values.shape)
    return None


@contextmanager
def _watching(
    modules: Iterable[nn.Module], seen: Callable[[nn.Module, int, tuple[Any, ...], Any], Any]
) -> Iterator[None]:
    """Calls `seen(module, number of its call, inputs, output)` after each; what it returns replaces the output."""
    calls: Counter[nn.Module] = Counter()

    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        calls[module] += 1
        return seen(module, calls[module] - 1, inputs, output)

    with ExitStack() as stack:
        for module in modules:
            stack.callback(module.register_forward_hook(hook).remove)
        yield


@contextmanager
def _replacing(replaced: list[tuple[LookUp, Tensor]]) -> Iterator[None]:
    """The watched calls give the path's vectors instead of their own."""
    vectors = {(look_up.module, look_up.call): points for look_up, points in replaced}
    with _watching({look_up.module: None for look_up, _ in replaced}, lambda m, call, *_: vectors.get((m, call))):
        yield

"""Several processes under `torchrun`: who this process is, sums over all of them, and how they share a model.

Every step is that of one large batch, however many processes take part: each takes its shards of the batch, gradients
are summed (never averaged) over shards and processes, and divided once by the summed weight.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from deepdojo.errors import UsageError
from deepdojo.launch import restarts, under_torchrun
from deepdojo.tasks.base import Batch, Task

__all__ = [
    "ALONE", "Ranks", "Shared", "average_buffers", "gathered", "placed", "process_group", "share", "whole",
]  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """This process among all of a training.

    Attributes:
        rank: 0 writes the run folder and scores; the others train.
        world: number of processes.
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def add(self, *values: float) -> list[float]:
        """Sums over all processes, in float64; every process gets the same."""
        if self.world == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(summed)
        return summed.tolist()

    def from_first(self, value: T) -> T:
        """What process 0 holds; the others' own value is not looked at."""
        if self.world == 1:
            return value
        box = [value if self.first else None]
        dist.broadcast_object_list(box, src=0)
        return box[0]  # type: ignore[return-value]


ALONE = Ranks()
GOODBYE = timedelta(seconds=30)
"""How long a process that is done waits for the others to be."""
PATIENCE = timedelta(days=30)
"""How long one waits for what another sends: through its validation, its scores, its floors. Who died, the launcher
sees."""


@contextmanager
def process_group() -> Iterator[Ranks]:
    """Join the processes that `torchrun` started; alone, where it did not.

    Sums of numbers go over gloo, so that a step never waits for the device; gradients of CUDA devices over NCCL.

    Raises:
        UsageError: this torch cannot do it, or the other processes cannot be reached.
    """
    if not under_torchrun():
        yield ALONE
        return
    if not dist.is_available():
        raise UsageError("this torch is built without torch.distributed", todo="train in one process")
    cuda = torch.cuda.is_available()
    try:
        store, rank, world = next(dist.rendezvous("env://"))
        # After a restart the launcher's store still holds the addresses of the killed processes.
        store = dist.PrefixStore(f"start {restarts()}", store)
        backend = "cpu:gloo,cuda:nccl" if cuda else "cpu:gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"the processes of torchrun do not find one another: {error}") from None
    try:
        with warnings.catch_warnings():
            # Kernels of channels-last networks; the numbers are right, and a copy costs less than another layout.
            warnings.filterwarnings("ignore", message="(?s).*Grad strides do not match bucket view strides")
            yield Ranks(rank, world)
        _wait_for_all(store, rank, world)
    finally:
        dist.destroy_process_group()


def _wait_for_all(store: Any, rank: int, world: int) -> None:
    """Until every process is done: gloo aborts one that still listens to a process that has gone."""
    with suppress(RuntimeError):  # one that died is the launcher's business
        store.set(f"ended {rank}", "")
        store.wait([f"ended {other}" for other in range(world)], GOODBYE)


class _Loss(nn.Module):
    """The loss as a module: whatever methods of the model a task calls, the wrapper sees one forward pass."""

    def __init__(self, task: Task, model: nn.Module) -> None:
        super().__init__()
        self.task, self.model = task, model

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return self.task.loss(self.model, batch)


@dataclass(frozen=True)
class Shared:
    """How one process takes part in a step.

    Attributes:
        loss: (total, weight) of each example of a batch; its backward pass sums gradients over all processes.
        alone: a context for every micro-batch of a step but the last, whose gradients need no exchange yet.
    """

    loss: Callable[[Batch], tuple[Tensor, Tensor]]
    alone: Callable[[], AbstractContextManager[Any]]


def share(task: Task, model: nn.Module, forward: nn.Module, ranks: Ranks, *, how: str) -> Shared:
    """Let all processes train `model` together.

    Args:
        forward: `model`, or its compiled form.
        how: "ddp" keeps all weights in every process (Li et al. 2020, arXiv:2006.15704); "fsdp" keeps a share of
            weights, gradients and optimizer state in each and gathers them block by block (Zhao et al. 2023,
            arXiv:2304.11277). Blocks are the entries of the model's `nn.ModuleList`s. `model` is changed in place, so
            the optimizer must be made afterwards.
    """
    if ranks.world == 1:
        return Shared(lambda batch: task.loss(forward, batch), nullcontext)
    if how == "fsdp":
        _shard(model, ranks)
        return Shared(lambda batch: task.loss(forward, batch), nullcontext)
    from torch.nn.parallel import DistributedDataParallel

    device = next(model.parameters()).device
    new = "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters  # since torch 2.13
    buffers: dict[str, Any] = {"forward_sync_buffers" if new else "broadcast_buffers": False}
    devices = None if device.type == "cpu" else [device]
    replicated = DistributedDataParallel(_Loss(task, forward), device_ids=devices, **buffers)
    replicated.register_comm_hook(None, _summed)
    return Shared(replicated, replicated.no_sync)


def average_buffers(model: nn.Module, ranks: Ranks) -> None:
    """Running statistics of batch normalisation: each process has those of its shards; the model gets their mean."""
    if ranks.world == 1:
        return
    for buffer in model.buffers():
        if buffer.is_floating_point():
            dist.all_reduce(buffer)
            buffer /= ranks.world


def _summed(state, bucket):  # torch refuses annotations that are strings
    """Gradients summed over processes: the weights of a step are not known before its backward pass, so no mean."""
    return dist.all_reduce(bucket.buffer(), async_op=True).get_future().then(lambda future: future.value()[0])


def _shard(model: nn.Module, ranks: Ranks) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    for value in model.state_dict().values():  # DDP does this by itself
        dist.broadcast(value, src=0)
    mesh = init_device_mesh(next(model.parameters()).device.type, (ranks.world,))
    for holder in list(model.modules()):
        if isinstance(holder, nn.ModuleList):
            for block in holder:
                if any(True for _ in block.parameters()):
                    fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # gloo knows no scaled sum


def whole(value: Tensor) -> Tensor:
    """The tensor itself, or all shares of it put together; every process must ask at the same time."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def gathered(value: T, ranks: Ranks) -> list[T]:
    """The value of each process, in order of rank."""
    if ranks.world == 1:
        return [value]
    values: list[Any] = [None] * ranks.world
    dist.all_gather_object(values, value)
    return values


def placed(value: Tensor, like: Tensor) -> Tensor:
    """`value` shared over the processes as `like` is."""
    if not hasattr(like, "full_tensor"):  # asked before the import, which takes half a second
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)

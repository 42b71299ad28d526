"""The next batch is cut and copied while the device works on this one: pinned memory, a thread, a stream of its own."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from deepdojo.tasks.base import Batch
from deepdojo.training.store import Store
from deepdojo.training.stream import Stream

__all__ = ["Ahead"]


class Ahead:
    """Batches of a store on a device, one ahead of the step on CUDA.

    There a copy from ordinary memory waits for all that the device has to do, and a step waits for the copy. Elsewhere
    nothing is copied, so a batch is cut when it is asked for.

    Args:
        threaded: cut ahead; None: on CUDA alone.

    Source: PyTorch, "A guide on good usage of non_blocking and pin_memory()".
    """

    def __init__(self, store: Store | Stream, device: torch.device, *, threaded: bool | None = None) -> None:
        self.store, self.device = store, device
        self.threaded = device.type == "cuda" if threaded is None else threaded
        self._worker = ThreadPoolExecutor(1, "batches") if self.threaded else None
        self._stream: Any = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._waiting: tuple[Tensor, Future[tuple[Batch, Any]]] | None = None

    def take(self, index: Tensor, following: Tensor | None = None) -> Batch:
        """The batch of `index`; that of `following`, which is asked for next, is begun."""
        if self._worker is None:
            return self.store.cut(index, self.device)
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting[0] is not index and not torch.equal(waiting[0], index):
            waiting[1].result()
            waiting = None
        future = self._worker.submit(self._cut, index) if waiting is None else waiting[1]
        batch, copied = future.result()
        if following is not None:
            self._waiting = (following, self._worker.submit(self._cut, following))
        if copied is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_event(copied)
            for values in batch.values():
                values.record_stream(current)
        return batch

    def _cut(self, index: Tensor) -> tuple[Batch, Any]:
        batch = self.store.cut(index)
        if self._stream is None:
            return {name: values.to(self.device) for name, values in batch.items()}, None
        pinned = {name: values.pin_memory() for name, values in batch.items()}
        with torch.cuda.stream(self._stream):
            moved = {name: values.to(self.device, non_blocking=True) for name, values in pinned.items()}
            return moved, self._stream.record_event()

    def close(self) -> None:
        """Ends the thread."""
        if self._worker is not None:
            self._worker.shutdown(wait=True, cancel_futures=True)

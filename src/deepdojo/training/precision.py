"""Device, threads, precision and compilation: chosen by rule, and said."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from deepdojo.errors import RecipeError
from deepdojo.launch import local_rank, local_world
from deepdojo.recipes import TrainSection

__all__ = ["Hardware", "choose_device", "choose_hardware", "using_threads", "without_failing_compile"]

# Measured on two busy cores: threads that wait for one another cost ten times what they save on steps of a few
# milliseconds.
SMALL_STEP_FLOPS = 1e9
COMPILE_STEPS = 500


@dataclass(frozen=True)
class Hardware:
    """What a training runs on. `said` holds one sentence for each thing that was chosen by rule."""

    device: torch.device
    threads: int
    bf16: bool
    compile: bool
    said: dict[str, str]

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of a forward pass: products in bf16 where that was chosen."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()


def choose_device(name: str) -> torch.device:
    """auto: cuda, else mps, else cpu. Raises RecipeError for a device that this machine does not have."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", local_rank())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type == "meta":  # holds shapes and no numbers
            raise RuntimeError
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise RecipeError(
            f"this machine has no device {name!r}", where="train.device", todo="use auto or cpu"
        ) from None
    return device


def choose_hardware(train: TrainSection, device: torch.device, *, step_flops: int | None, steps: int) -> Hardware:
    """Threads by the size of a step, bf16 and compile on CUDA only."""
    said: dict[str, str] = {}
    all_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    cores = max(1, all_cores // local_world())
    if train.threads == "auto":
        small = step_flops is not None and step_flops < SMALL_STEP_FLOPS
        threads = 1 if small else cores
        size = "of unknown size" if step_flops is None else f"of {step_flops / 1e6:.3g} MFLOP"
        said["threads"] = (
            f"{threads} (a step {size}; one thread below {SMALL_STEP_FLOPS / 1e6:.0f} MFLOP, else all cores)"
        )
    else:
        threads = int(train.threads)
    cuda = device.type == "cuda"
    if train.precision == "auto":
        bf16 = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
        said["precision"] = "bf16 (CUDA device that has it)" if bf16 else f"float32 (on {device.type})"
    else:
        bf16 = train.precision == "bf16"
    if train.compile == "auto":
        compiled = cuda and steps > COMPILE_STEPS
        said["compile"] = f"{'yes' if compiled else 'no'} (CUDA and more than {COMPILE_STEPS} steps)"
    else:
        compiled = bool(train.compile)
    if train.device == "auto":
        said["device"] = f"{device.type} (first of cuda, mps, cpu that this machine has)"
    return Hardware(device, threads, bf16, compiled, said)


def without_failing_compile(hardware: Hardware, model: nn.Module, step: Callable[[nn.Module], None]) -> Hardware:
    """The same, with `compile` off where one step of the compiled model fails: no compiler, no Triton, a graph that
    cannot be built."""
    try:
        step(torch.compile(model))  # type: ignore[arg-type]
    except Exception as error:
        reason = str(error).strip().split("\n")[0][:100]
        said = {**hardware.said, "compile": f"no (it was tried, and failed here: {reason})"}
        return replace(hardware, compile=False, said=said)
    return hardware


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """So many CPU threads inside the block; what the caller had is put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

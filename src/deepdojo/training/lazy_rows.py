"""AdamW that moves, of a table of words, only the rows that a batch holds.

A batch of 50 sentences holds some 1,000 of 9,000 words; the gradient of the others is zero, and clearing, clipping and
stepping through it is most of the work of a small network on text. The rule is another one: under AdamW a row drifts on
by its averages while its word does not occur, here it keeps still and its averages with it.

Source: torch.optim.SparseAdam, "a masked version of the Adam algorithm"; LazyAdam of TensorFlow Addons.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.recipes import TrainSection
from deepdojo.tasks.base import Batch, Task

__all__ = ["LazyAdamW", "dense_parts", "gradients_by_row", "require_rows", "tables_by_row"]

_adamw_step: Any = inspect.unwrap(torch.optim.AdamW.step)


class LazyAdamW(torch.optim.AdamW):
    """AdamW whose step takes gradients by row (`torch.sparse_coo`) as well; weight decay is not for such tables.

    m_i <- β1 m_i + (1 - β1) g_i and so on for the rows i of the gradient alone; the bias correction counts all steps.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and parameter.grad.is_sparse:
                    self._move_rows(parameter, parameter.grad.coalesce(), group)
                    parameter.grad = None
        return _adamw_step(self, closure)

    def _move_rows(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        step = float(state["step"])
        rows, g = gradient.indices()[0], gradient.values()
        first = state["exp_avg"].index_select(0, rows).lerp_(g, 1 - beta1)
        second = state["exp_avg_sq"].index_select(0, rows).mul_(beta2).addcmul_(g, g, value=1 - beta2)
        state["exp_avg"].index_copy_(0, rows, first)
        state["exp_avg_sq"].index_copy_(0, rows, second)
        spread = second.div_(1 - beta2**step).sqrt_().add_(group["eps"])
        parameter.index_add_(0, rows, first.div_(spread), alpha=-group["lr"] / (1 - beta1**step))


def dense_parts(parameters: list[nn.Parameter]) -> list[Tensor]:
    """What of all gradients may be divided and clipped in place: of those by row the rows, each once."""
    parts = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            parts.append(parameter.grad.values())
        else:
            parts.append(parameter.grad)
    return parts


def tables_by_row(model: nn.Module, train: TrainSection, *, alone: bool) -> list[nn.Module]:
    """The tables of words that give their gradient by row: none, unless the recipe asks for it.

    Raises: RecipeError where it cannot be: another optimizer than adamw, several processes, a model without a table.
    """
    if not train.lazy_rows:
        return []
    where = "train.lazy_rows"
    if train.optimizer != "adamw":
        raise RecipeError(f"{train.optimizer} moves whole tables", where=where, todo="take adamw, or leave it out")
    if not alone:
        raise RecipeError("several processes share whole gradients", where=where, todo="leave it out")
    tables = [module for module in model.modules() if hasattr(module, "sparse") and hasattr(module, "num_embeddings")]
    if not tables:
        raise RecipeError("the model looks words up in no table of its own", where=where, todo="leave it out")
    return tables


def require_rows(task: Task, model: nn.Module, batch: Batch, tables: list[nn.Module]) -> None:
    """One loss and its gradient, after which the model is as before.

    Raises: RecipeError where a table gets a gradient of all its rows: it gives the outputs too, or a learner's own
    `embedding` stands in the place of ours.
    """
    if not tables:
        return
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.random.fork_rng(), gradients_by_row(tables):
        task.loss(model, batch)[0].sum().backward()
    gradients = [getattr(table.weight, "grad", None) for table in tables]
    whole = [gradient for gradient in gradients if gradient is not None and not gradient.is_sparse]
    model.zero_grad(set_to_none=True)
    model.load_state_dict(kept)
    if whole:
        raise RecipeError(
            "a table of words gets a gradient of all its rows: it gives the outputs too, or looks up by other code",
            where="train.lazy_rows", todo="leave it out",
        )  # fmt: skip


@contextmanager
def gradients_by_row(tables: list[nn.Module]) -> Iterator[None]:
    """Inside, these tables give their gradient by row."""
    for table in tables:
        table.sparse = True  # type: ignore[assignment]
    try:
        yield
    finally:
        for table in tables:
            table.sparse = False  # type: ignore[assignment]

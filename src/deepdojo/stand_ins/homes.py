"""Where our own functions lie that are no layers and that a learner's code takes the place of."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from deepdojo.layers import ELSEWHERE
from deepdojo.layers.hook import builtin

__all__ = ["ours"]

HOMES = {
    "bpe_encode": "data.codecs.tokenizer_byte_pairs:bpe_encode",
    "beam_search": "generation.beam_search:beam_search",
    "flip_and_shift": "training.augment_images:flip_and_shift",
    "iou_of": "boxes:iou_of",
    "lora_linear": "models.lora:Adapter",
    "mel_filters": "data.spectra:mel_filters",
    "move_with_boxes": "training.augment_boxes:move_with_boxes",
    "stft": "data.short_time:stft",
    "suppressed": "tasks.detection:silenced",
}


def ours(part: str) -> Callable[..., Any] | None:
    """The built-in function or class; None for what has no calls that could be watched (optimizers, schedules)."""
    if part not in ELSEWHERE:
        found: Callable[..., Any] = builtin(part)
        return found
    if part not in HOMES:
        return None
    module, name = HOMES[part].split(":")
    function: Callable[..., Any] = getattr(import_module(f"deepdojo.{module}"), name)
    return function

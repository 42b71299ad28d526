"""What a recipe leaves open is chosen here, by rules that the user is told. No clock, no held-out row, no label of
one."""

from __future__ import annotations

from deepdojo.contracts import CONTRACTS
from deepdojo.recipes import Recipe

__all__ = ["resolve"]

MODEL_OF_INPUT = {"audio": "spectrogram_cnn", "image": "cnn", "text": "text_cnn", "record": "mlp"}
# Examples to see in a whole training, and the bounds on epochs: small sets need many passes, large ones few.
# "written": a text is the answer to a text; "spoken": to a sound or a signal; "said": a sound is
# the answer to a text.
EXAMPLES_SEEN = {
    "audio": 40_000, "image": 600_000, "text": 80_000, "record": 150_000, "vector": 150_000, "written": 300_000,
    "spoken": 50_000, "said": 10_000, "boxes": 6_000,
}  # fmt: skip
EPOCHS = {
    "audio": (8, 60), "image": (8, 30), "text": (4, 25), "record": (5, 150), "vector": (5, 100), "written": (6, 60),
    "spoken": (10, 60), "said": (10, 60), "boxes": (6, 60),
}  # fmt: skip
BATCHES_AN_EPOCH = {
    "audio": 25, "image": 40, "text": 100, "record": 20, "vector": 20, "written": 100, "spoken": 50, "said": 15,
    "boxes": 20,
}  # fmt: skip
BATCH_SIZES = {
    "audio": (16, 64), "image": (32, 128), "text": (16, 64), "record": (16, 512), "vector": (16, 256),
    "written": (16, 128), "spoken": (8, 32), "said": (8, 32), "boxes": (4, 16),
}  # fmt: skip
_AS = {"tokens": "text", "texts": "text", "matrix": "vector", "skeleton": "vector", "video": "vector"}


def resolve(recipe: Recipe, task: str, *, rows: int) -> tuple[Recipe, dict[str, str]]:
    """The recipe with every `auto` of model name, epochs and batch size replaced; and a sentence for each choice.

    Args:
        rows: training rows.
    """
    contract = CONTRACTS[task]
    kind = _AS.get(contract.input_kind, contract.input_kind)
    if kind == contract.target_kind == "text" and not contract.host_run:
        kind = "written"
    if kind in ("audio", "vector") and contract.target_kind == "text":
        kind = "spoken"
    if contract.target_kind == "audio":
        kind = "said"
    if contract.target_kind == "boxes":  # large pictures, and each teaches as many things as it has objects
        kind = "boxes"
    said: dict[str, str] = {}
    changes: dict[str, object] = {}
    if recipe.model.name == "auto" and kind in MODEL_OF_INPUT:
        changes["model.name"] = MODEL_OF_INPUT[kind]
        said["model"] = f"{changes['model.name']} (the default for {task})"
    if recipe.train.batch_size == "auto" and recipe.train.batch_tokens is None:
        low, high = BATCH_SIZES[kind]
        size = low
        while size * 2 <= min(high, rows / BATCHES_AN_EPOCH[kind]):
            size *= 2
        changes["train.batch_size"] = size
        said["batch_size"] = (
            f"{size} ({rows:,} training rows, about {BATCHES_AN_EPOCH[kind]} batches an epoch or more, {low} to {high})"
        )
    if recipe.train.epochs == "auto" and recipe.train.steps is None:
        fewest, most = EPOCHS[kind]
        epochs = round(min(most, max(fewest, EXAMPLES_SEEN[kind] / max(rows, 1))))
        changes["train.epochs"] = epochs
        said["epochs"] = f"{epochs} (about {EXAMPLES_SEEN[kind]:,} examples in all, {fewest} to {most} passes)"
    return (recipe.overridden(changes) if changes else recipe), said

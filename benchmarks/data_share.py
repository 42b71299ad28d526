"""The CPU share of data work in a training: reading, encoding, cutting batches and augmentation, beside the steps.

    python benchmarks/data_share.py                            # all built-in image projects
    python benchmarks/data_share.py cifar10 pneumonia --steps 60

Each project's own recipe is trained for some steps as `dojo train` does it (one thread, held-out rows closed), with a
clock of CPU seconds around four places. `read` and `encode` happen once; they are divided by the steps that the recipe
plans. The share is (read + encode + batches + augment) of all that. Validation counts as neither.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

WARM_UP = 3  # steps that are not counted
DEFAULT = ("fashion-mnist", "cifar10", "pneumonia", "digits")


class Clock:
    """CPU seconds and calls by place."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def around(self, place: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.process_time()
            found = call(*args, **kwargs)
            self.seconds[place].append(time.process_time() - began)
            return found

        return timed

    def patch(self, owner: Any, name: str, place: str) -> Callable[[], None]:
        """Puts a clock around `owner.name`; gives what takes it away again."""
        before = getattr(owner, name)
        bare = owner.__dict__[name] if isinstance(owner, type) else before
        inner = bare.__func__ if isinstance(bare, classmethod) else bare
        setattr(owner, name, classmethod(self.around(place, inner)) if isinstance(bare, classmethod)
                else self.around(place, inner))  # fmt: skip
        return lambda: setattr(owner, name, bare)

    def per_step(self, place: str) -> float:
        """Milliseconds, the first steps left out."""
        counted = self.seconds[place][WARM_UP:]
        return 1000 * sum(counted) / max(1, len(counted))


def measured(project: str, steps: int) -> dict[str, float]:
    """Milliseconds a step and seconds once, of a project's own recipe."""
    from deepdojo import api
    from deepdojo.session import start
    from deepdojo.session.defaults import resolve
    from deepdojo.session.packed import Packed
    from deepdojo.training import loop
    from deepdojo.training.schedules import batch_size, planned_steps
    from deepdojo.training.step_examples import StepExamples

    clock, planned = Clock(), {}
    built = loop.build_augment

    def augmenting(train: Any, task: Any) -> Any:
        augment = built(train, task)
        return None if augment is None else clock.around("augment", augment)

    packed = Packed.__dict__["of"].__func__

    def packing(cls: Any, session: Any, *rest: Any) -> Any:
        found = packed(cls, session, *rest)
        train = session.recipe.train.model_copy(update={"steps": None})
        recipe = session.recipe.model_copy(update={"train": train})
        own = resolve(recipe, session.dataset.project.spec.task, rows=len(found.train_rows))[0].train
        planned["steps"] = planned_steps(own, found.store.steps(batch_size(own)))
        return found

    undo = [
        clock.patch(start, "load_dataset", "read"),
        clock.patch(StepExamples, "batch_at", "order"),
        clock.patch(loop.Ahead, "take", "batches"),
        clock.patch(loop._Loop, "backward", "backward"),
        clock.patch(loop._Loop, "update", "update"),
    ]
    Packed.of = classmethod(clock.around("encode", packing))  # type: ignore[assignment]
    loop.build_augment = augmenting  # type: ignore[assignment]
    try:
        with tempfile.TemporaryDirectory() as runs:
            api.train(
                project, set=[f"train.steps={steps}", "train.threads=1", "train.keep=last"], runs=runs, baselines=False,
                explain=False, validation_only=True, offline=True, yes=True,
            )  # fmt: skip
    finally:
        for back in undo:
            back()
        Packed.of = classmethod(packed)  # type: ignore[assignment]
        loop.build_augment = built  # type: ignore[assignment]
    return {
        "read_s": sum(clock.seconds["read"]), "encode_s": sum(clock.seconds["encode"]), "steps": planned["steps"],
        "batches_ms": clock.per_step("batches") + clock.per_step("order"), "augment_ms": clock.per_step("augment"),
        "step_ms": clock.per_step("backward") + clock.per_step("update"),
    }  # fmt: skip


def share(found: dict[str, float]) -> float:
    """Of data work in the whole training."""
    data = found["read_s"] + found["encode_s"]
    data += found["steps"] * (found["batches_ms"] + found["augment_ms"]) / 1000
    return data / (data + found["steps"] * found["step_ms"] / 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="*", default=DEFAULT)
    parser.add_argument("--steps", type=int, default=40)
    given = parser.parse_args()
    print("| project | read, s | encode, s | steps | batches, ms a step | augment, ms | network, ms | data share |")
    print("|---|---|---|---|---|---|---|---|")
    for project in given.projects:
        f = measured(project, given.steps)
        print(
            f"| {project} | {f['read_s']:.1f} | {f['encode_s']:.1f} | {f['steps']:,.0f} | {f['batches_ms']:.2f} | "
            f"{f['augment_ms']:.2f} | {f['step_ms']:.1f} | {share(f):.1%} |", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()

"""A recipe: a model with its arguments, and how to train it. TOML on disk; any field can be overridden with `--set`."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepdojo.errors import RecipeError, UnknownNameError, UsageError

__all__ = ["Expected", "ModelSection", "Recipe", "TrainSection", "find_recipe", "parse_overrides"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), use_attribute_docstrings=True)


class ModelSection(BaseModel):
    """The architecture, one of `dojo list models`, and its arguments (`dojo show MODEL`)."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True, populate_by_name=False)

    name: str
    """One of `dojo list models`, or auto: by the task and the number of rows, said and written down."""
    source: str | None = Field(None, alias="from")
    """Where the weights come from: one of our runs, or the folder of a Hugging Face checkpoint; so does the network's
    shape, and the tokenizer. The same as `dojo train --from`."""
    lora_rank: int = Field(0, ge=0)
    """Above 0 the network stays as it came, and narrow matrices of this rank learn beside it (Hu et al. 2022)."""
    lora_alpha: float = Field(16.0, gt=0)
    """What the narrow matrices give is scaled by alpha / rank."""
    lora_on: tuple[str, ...] = ("query", "value")
    """The matrices that get them, by parts of their names, such as query or layers.0.linear1."""

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.model_extra or {})

    def written(self) -> dict[str, Any]:
        """As TOML has it, without what was left at its default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


class TrainSection(_Section):
    """How to train."""

    epochs: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    """Passes over the training examples; a fraction stops within one. auto: by the number of rows, said and written
    down."""
    steps: int | None = Field(None, gt=0)
    """Optimizer steps; when given, `epochs` is not used."""
    batch_size: Annotated[int, Field(gt=0)] | Literal["auto"] = "auto"
    """Examples in one optimizer step. auto: by the number of rows, said and written down."""
    batch_tokens: int | None = Field(None, gt=0)
    """Tokens in one optimizer step instead of a number of examples (`batch_size` is then not used): examples of like
    length, as many as have no more tokens than this with their padding, source and target together."""
    lengths: Literal["alike", "equal"] = "alike"
    """Which texts share a batch: alike: those of like length, the shorter ones padded; equal: those of one length
    alone, so that nothing is padded; the batches are more, and some of them smaller."""
    balance: float = Field(0.0, ge=0, le=1)
    """Draw training examples with probability in proportion to 1 / (examples of their class)^balance, with
    replacement: 1 draws all classes equally often, 0.5 the root of that; 0 takes each example once a pass."""
    accumulate: int = Field(1, gt=0)
    """Micro-batches that one step is cut into, to save memory; the update stays the same."""
    optimizer: Literal["adamw", "sgd", "adadelta", "muon"] = "adamw"
    """adamw (Loshchilov & Hutter 2019), sgd (with Nesterov momentum), adadelta (Zeiler 2012), or muon (Jordan et al.
    2024) for the matrices inside the network, with adamw for the rest."""
    lr: float = Field(1e-3, gt=0)
    """Peak learning rate; of muon about 0.02 to 0.1."""
    adamw_lr: float = Field(3e-3, gt=0)
    """With muon: peak learning rate of embeddings, vectors and the last layer."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of sgd and muon."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.999)
    """Decay rates of adamw's two averages."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled for adamw, added to the gradient for the others; biases, normalisation and embeddings have none."""
    schedule: Literal["cosine", "linear", "onecycle", "constant"] = "cosine"
    """How the learning rate falls after the warm-up. onecycle (Smith 2018) rises over the first 30 %."""
    warmup: float = Field(0.05, ge=0, lt=1)
    """Share of all steps over which the learning rate rises from 0 to its peak (not used by onecycle)."""
    final_lr: float = Field(0.0, ge=0, le=1)
    """The last learning rate as a share of the peak."""
    freeze: tuple[str, ...] = ()
    """Parts of the network that stay as they are, by parts of their names, such as embedding or layers.0; a part all
    of whose weights are frozen works as after training: its dropout is off, its batch normalisation learns nothing."""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """The learning rate falls by this factor with each layer from the head down to the embeddings, such as 0.8 (Howard
    & Ruder 2018, section 3.2; Clark et al. 2020)."""
    clip: float = Field(1.0, ge=0)
    """Largest global norm of the gradient; 0 does not clip."""
    flip: bool = False
    """Mirror each training image left to right with probability 1/2."""
    flip_up: bool = False
    """Mirror each training image upside down with probability 1/2, where no side of it is up: cells, tiles, stars."""
    shift: int = Field(0, ge=0)
    """Move each training image by up to so many pixels along each axis: a random crop of the padded image."""
    rotate: float = Field(0.0, ge=0, le=180)
    """Turn each training image by up to so many degrees to either side."""
    zoom: float = Field(0.0, ge=0, le=1)
    """Resize each training image; 0.1 draws factors from 1/1.1 to 1.1."""
    shear: float = Field(0.0, ge=0, le=45)
    """Slant each training image by up to so many degrees to either side."""
    stretch: float = Field(0.0, ge=0, le=1)
    """Change the ratio of each training image's sides; 0.1 draws factors from 1/1.1 to 1.1."""
    fill: Literal["edge", "zero", "reflect"] = "edge"
    """What opens where an image is moved, turned or made smaller: edge repeats the border, zero is black, reflect
    mirrors the image."""
    brightness: float = Field(0.0, ge=0, le=1)
    """Make each training image lighter or darker by up to this share of the whole range."""
    contrast: float = Field(0.0, ge=0, le=1)
    """Change each training image's contrast; 0.2 draws factors from 1/1.2 to 1.2."""
    saturation: float = Field(0.0, ge=0, le=1)
    """Make the colours of each training image paler or stronger; 0.3 draws factors from 1/1.3 to 1.3. Grey stays."""
    erase: float = Field(0.0, ge=0, lt=1)
    """Cover a rectangle of each training image, of up to this share of its area (DeVries & Taylor 2017)."""
    speed: float = Field(0.0, ge=0, le=1)
    """Play each training sound faster or slower; 0.2 draws factors from 1/1.2 to 1.2 (Ko et al. 2015)."""
    pitch: float = Field(0.0, ge=0, le=1)
    """Make each training sound higher or lower; 0.2 draws factors from 1/1.2 to 1.2 (Jaitly & Hinton 2013)."""
    time_shift: int = Field(0, ge=0)
    """Move each training sound in its window by up to so many frames."""
    noise: float = Field(0.0, ge=0)
    """Put noise on each training sound, up to so many nats above silence (1 nat is 4.3 dB)."""
    equalise: float = Field(0.0, ge=0)
    """Pass each training sound through a filter as of another room or microphone; the spread of its curve in nats."""
    time_mask: int = Field(0, ge=0)
    """Cover stretches of each training sound, of up to so many frames (SpecAugment, Park et al. 2019)."""
    frequency_mask: int = Field(0, ge=0)
    """Cover bands of pitch of each training sound, of up to so many mel bands (SpecAugment)."""
    masks: int = Field(2, ge=1)
    """How many stretches and how many bands are covered."""
    word_dropout: float = Field(0.0, ge=0, lt=1)
    """Probability that a word of a training text becomes the unknown word."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of the target that is spread over all classes (Szegedy et al. 2015); in training alone, the validation
    loss stays the true one."""
    trim: float = Field(0.0, ge=0, lt=1)
    """Leave out this share of each training batch, the examples with the highest loss, for labels of which about so
    many are wrong: networks learn what is right before they learn single exceptions (small-loss selection, as in
    Han et al. 2018, with one network; Shen & Sanghavi 2019). It grows from 0 over the first pass."""
    mixup: float = Field(0.0, ge=0)
    """Mix each training example with another, with weights of Beta(mixup, mixup), such as 0.2 (Zhang et al. 2018);
    0 does not mix."""
    cutmix: float = Field(0.0, ge=0)
    """Put a rectangle of another image into each training image, its area of Beta(cutmix, cutmix), such as 1.0, and
    mix the targets by area (Yun et al. 2019); 0 does not."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Judge and keep a running mean of the weights with this decay, such as 0.999: about the last 1,000 steps."""
    validate_every: int = Field(1, gt=0)
    """Epochs between two validations: more where an epoch is but a few steps."""
    patience: int | None = Field(None, gt=0)
    """Stop after so many validations (one an epoch) without a better score; ties go to the lower validation loss."""
    keep: Literal["best", "last"] = "best"
    """Which weights the run keeps: those of the best validation epoch, or the last ones."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """auto: bf16 on a CUDA device that has it, else float32."""
    compile: bool | Literal["auto"] = "auto"
    """auto: torch.compile on CUDA for runs of more than 500 steps, else not."""
    device: str = "auto"
    """auto: cuda, else mps, else cpu."""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """Under torchrun: ddp keeps the whole model in every process (Li et al. 2020), fsdp a share of it (Zhao et al.
    2023)."""
    threads: Annotated[int, Field(gt=0)] | Literal["auto"] = "auto"
    """CPU threads. auto: one for steps of under 1 GFLOP, else all cores."""


class Expected(_Section):
    """What a run of this recipe gave when its author ran it; the only place for such figures."""

    metric: str
    """The metric that was measured."""
    score: float
    """Mean over the seeds."""
    spread: float | None = None
    """Standard deviation over the seeds."""
    n: int
    """Number of seeds."""
    seconds: float
    """Wall time of one training."""
    hardware: str
    """What it ran on."""
    command: str
    """The command that prints it."""


class Recipe(_Section):
    """`recipes/*.toml`."""

    about: str = ""
    """One line: what this recipe is, and the paper."""
    model: ModelSection
    task: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's fit, such as `size` or `min_count` (`dojo show TASK`)."""
    train: TrainSection = TrainSection()
    expect: Expected | None = None

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, where: str) -> Recipe:
        """Raises RecipeError or UnknownNameError with the nearest key, naming the field."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _first_fault(error, where) from None

    @classmethod
    def read(cls, path: Path) -> Recipe:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(f"is no valid TOML: {error}", where=str(path)) from None
        return cls.parse(values, where=str(path))

    def overridden(self, changes: Mapping[str, Any]) -> Recipe:
        """A copy with dotted keys set: `{"train.lr": 3e-4, "model.width": 128}`."""
        values = self.model_dump(mode="python", exclude_none=True, by_alias=True)
        for key, value in changes.items():
            section, _, name = key.partition(".")
            if section not in ("model", "task", "train") or not name:
                known = [f"train.{f}" for f in TrainSection.model_fields] + ["model.name", "task."]
                raise UnknownNameError("recipe key", key, known, where="--set")
            values.setdefault(section, {})[name] = value
        return Recipe.parse(values, where="--set")


def _first_fault(error: ValidationError, where: str) -> RecipeError | UnknownNameError:
    fault = error.errors()[0]
    # Beside field names pydantic tells which kind of a union it tried: "int", "constrained-int", "literal['auto']".
    kinds = ("int", "float", "str", "bool", "none")
    path = [str(p) for p in fault["loc"] if p not in kinds and not re.search(r"[-\[]", str(p))]
    place = ".".join(path)
    sections: dict[str, type[BaseModel]] = {"train": TrainSection, "expect": Expected}
    section = sections.get(path[0], Recipe) if len(path) > 1 else Recipe
    if fault["type"] == "extra_forbidden":
        return UnknownNameError("recipe key", path[-1], section.model_fields, where=f"{where}: {place}")
    if fault["type"] == "literal_error" and len(path) == 2:
        choices = [str(c) for c in get_args(section.model_fields[path[1]].annotation)]
        return UnknownNameError(place, str(fault["input"]), choices, where=where)
    got = "" if fault["type"] == "missing" else f", got {fault['input']!r}"
    return RecipeError(f"{place}: {fault['msg'][0].lower()}{fault['msg'][1:]}{got}", where=where)


def parse_overrides(given: Mapping[str, Any] | Iterable[str] | None) -> dict[str, Any]:
    """`["train.lr=3e-4", "model.channels=[32, 64]"]` or a mapping -> {dotted key: value}."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return dict(given)
    changes: dict[str, Any] = {}
    for item in given:
        key, sign, text = item.partition("=")
        if not sign or not key.strip():
            raise UsageError(f"{item!r} is no setting", where="--set", todo="write it as train.lr=3e-4")
        changes[key.strip()] = _value(text.strip())
    return changes


def _value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def find_recipe(name: str, known: Mapping[str, Path]) -> Path:
    """A recipe by name (`Project.recipes()`: the project's, then the task's stock ones), else as a path."""
    if name in known:
        return known[name]
    if name.endswith(".toml") or "/" in name:
        path = Path(name).expanduser()
        if path.is_file():
            return path
        raise RecipeError("there is no such recipe file", where=name, todo="known: " + ", ".join(known))
    raise UnknownNameError("recipe", name, known)

"""What a learner's code of a lesson may stand in for in a training, and where. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXAMPLES", "STAND_INS", "StandIn", "stand_in_of"]


@dataclass(frozen=True)
class StandIn:
    """One idea of a lesson, in the lesson's own signature.

    Attributes:
        idea: the name under which a run and the board count it.
        kind: layer, loss, optimizer, schedule, decoding, augmentation, feature, explanation.
        names: what the learner's file defines; the first one tells it.
        parts: what the trainings ask `current` for; each of them is made of the learner's code.
        file: of this folder, with the adapter; "" where the lesson's signature is the built-in's own.
        absent: why no built-in project takes it; "" where one does.
    """

    idea: str
    kind: str
    names: tuple[str, ...]
    parts: tuple[str, ...] = ()
    file: str = ""
    absent: str = ""

    @property
    def example(self) -> str:
        """A built-in project that takes it, and settings where it has to be asked for them; "" where none does."""
        return EXAMPLES.get(self.idea, "")


def _layer(idea: str, *names: str, parts: tuple[str, ...] = (), file: str = "", kind: str = "layer") -> StandIn:
    return StandIn(idea, kind, names or (idea,), parts or (idea,), file)


def _nowhere(idea: str, kind: str, names: tuple[str, ...], absent: str) -> StandIn:
    return StandIn(idea, kind, names, absent=absent)


STAND_INS: tuple[StandIn, ...] = (
    _layer("softmax"),
    StandIn("sgd", "optimizer", ("SGD",), ("sgd",), "optimizers"),
    StandIn("adam", "optimizer", ("Adam",), ("adam",), "optimizers"),
    StandIn("schedule", "schedule", ("lr_at",), ("schedule",), "schedule"),
    _layer("conv2d", file="convolution"),
    _layer("max_pool2d", file="pooling"),
    _layer("batch_norm", "BatchNorm2d", parts=("batch_norm",), file="batch_norm"),
    _layer("residual_block", parts=("ResidualBlock",), file="residual_block"),
    _layer("rnn", parts=("elman_cell",), file="recurrence"),
    _layer("masked_rnn", parts=("RNN",), file="recurrence"),
    _layer("lstm_cell"),
    _layer("gru_cell"),
    _layer("crf", "log_partition", "viterbi", parts=("log_partition", "viterbi"), file="crf"),
    _layer("additive_attention", parts=("AdditiveAttention",), file="attention_additive"),
    _layer(
        "scaled_dot_product_attention", "attention",
        parts=("scaled_dot_product_attention", "causal_attention", "grouped_query_attention"), file="attention",
    ),
    _layer("causal_keep", parts=("causal_attention", "sliding_window_attention"), file="attention"),
    _layer("multi_head_attention", parts=("MultiHeadAttention",), file="attention_multi_head"),
    _layer("layer_norm"),
    _layer("rms_norm"),
    _layer("sinusoidal_positions", file="sinusoidal"),
    _layer("rope", parts=("RotaryPositions",), file="rope"),
    _layer("encoder_layer", parts=("EncoderLayer",), file="transformer"),
    _layer("decoder_layer", parts=("DecoderLayer",), file="transformer"),
    _layer("lm_loss", parts=("next_token_loss",), file="losses", kind="loss"),
    _layer("ctc_loss", file="losses", kind="loss"),
    StandIn("sampler", "decoding", ("filter_logits", "sample"), ("filtered", "draw"), "sampler"),
    StandIn("tokenizer", "feature", ("bpe_encode", "bpe_train"), ("bpe_encode",), "tokenizer"),
    StandIn("kv_cache", "decoding", ("step",), ("CausalSelfAttention",), "kv_cache"),
    _nowhere("decoder", "model", ("GPT",), "a whole model is not replaced; its layers are"),
    StandIn("beam_search", "decoding", ("beam_search",), ("beam_search",), "beam_search"),
    StandIn("augment", "augmentation", ("flip_crop",), ("flip_and_shift", "move_with_boxes"), "augment"),
    StandIn("box_iou", "decoding", ("box_iou",), ("iou_of",), "boxes"),
    StandIn("nms", "decoding", ("nms",), ("suppressed",), "boxes"),
    StandIn("stft", "feature", ("stft",), ("stft",), "sounds"),
    StandIn("mel_filters", "feature", ("mel_filters",), ("mel_filters",), "sounds"),
    _nowhere("grad_scaler", "training", ("GradScaler",),
             "half precision here is bfloat16 on CUDA, whose range needs no scaling; no recipe trains in float16"),
    _nowhere("quantized_linear", "layer", ("quantize", "linear_int8"), "no recipe here trains with rounded weights"),
    StandIn("lora_linear", "layer", ("LoRALinear",), ("lora_linear",), "lora"),
    StandIn("integrated_gradients", "explanation", ("integrated_gradients",), ("integrated_gradients",)),
    StandIn("attention_rollout", "explanation", ("attention_rollout",), ("attention_rollout",)),
    StandIn("deletion_curve", "explanation", ("deletion_auc",), ("deletion_auc",)),
)  # fmt: skip
"""In the order of the lessons. Beside these every name of `deepdojo.layers.LAYERS` may be defined."""


EXAMPLES = {
    "softmax": "movie-reviews",
    "sgd": "digits --set train.optimizer=sgd",
    "adam": "digits --set train.optimizer=adamw",
    "schedule": "digits --set train.schedule=cosine",
    "conv2d": "digits",
    "max_pool2d": "digits",
    "batch_norm": "digits",
    "residual_block": "cifar10",
    "rnn": "movie-reviews",
    "masked_rnn": "movie-reviews",
    "lstm_cell": "movie-reviews",
    "gru_cell": "movie-reviews",
    "crf": "wnut17",
    "additive_attention": "multi30k-de-en",
    "scaled_dot_product_attention": "movie-reviews",
    "causal_keep": "shakespeare",
    "multi_head_attention": "movie-reviews",
    "layer_norm": "movie-reviews",
    "rms_norm": "shakespeare",
    "sinusoidal_positions": "movie-reviews",
    "rope": "shakespeare",
    "encoder_layer": "movie-reviews --set model.dropout=0 --set model.activation=relu",
    "decoder_layer": "multi30k-de-en --set model.dropout=0",
    "lm_loss": "shakespeare",
    "ctc_loss": "spoken-digit-strings",
    "sampler": "shakespeare",
    "beam_search": "multi30k-de-en",
    "tokenizer": "multi30k-de-en",
    "kv_cache": "shakespeare --set model.positions=learned",
    "augment": "cifar10",
    "box_iou": "raccoon",
    "nms": "raccoon",
    "stft": "kathleen",
    "mel_filters": "spoken-digits",
    "lora_linear": "digits -r vit --from RUN --set model.lora_rank=4",
    "integrated_gradients": "digits",
    "attention_rollout": "digits -r vit",
    "deletion_curve": "digits",
}
"""Idea -> what stands behind `dojo train` and before `--with FILE`."""


def stand_in_of(name: str) -> StandIn | None:
    """The idea that a function or class of this name tells."""
    return next((each for each in STAND_INS if each.names[0] == name), None)

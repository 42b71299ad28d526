"""What a learner's code of a lesson may stand in for in a training, and where. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STAND_INS", "StandIn", "stand_in_of"]


@dataclass(frozen=True)
class StandIn:
    """One idea of a lesson, in the lesson's own signature.

    Attributes:
        idea: the name under which a run and the board count it.
        kind: layer, loss, optimizer, schedule, decoding.
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
    _nowhere("tokenizer", "feature", ("bpe_train", "bpe_encode"),
             "texts are cut into pieces before a training, in compiled code"),
    StandIn("kv_cache", "decoding", ("step",), ("CausalSelfAttention",), "kv_cache"),
    _nowhere("decoder", "model", ("GPT",), "a whole model is not replaced; its layers are"),
    StandIn("beam_search", "decoding", ("beam_search",), ("beam_search",), "beam_search"),
    StandIn("augment", "augmentation", ("flip_crop",), ("flip_and_shift", "move_with_boxes"), "augment"),
    StandIn("box_iou", "decoding", ("box_iou",), ("iou_of",), "boxes"),
    StandIn("nms", "decoding", ("nms",), ("suppressed",), "boxes"),
    StandIn("stft", "feature", ("stft",), ("stft",), "sounds"),
    StandIn("mel_filters", "feature", ("mel_filters",), ("mel_filters",), "sounds"),
    _nowhere("grad_scaler", "training", ("GradScaler",),
             "half precision here is bfloat16, whose range needs no scaling"),
    _nowhere("quantized_linear", "layer", ("quantize", "linear_int8"), "no recipe here trains with rounded weights"),
    StandIn("lora_linear", "layer", ("LoRALinear",), ("lora_linear",), "lora"),
    StandIn("integrated_gradients", "explanation", ("integrated_gradients",), ("integrated_gradients",)),
    _nowhere("attention_rollout", "explanation", ("attention_rollout",), "no explanation here rests on attention"),
    StandIn("deletion_curve", "explanation", ("deletion_auc",), ("deletion_auc",)),
)  # fmt: skip
"""In the order of the lessons. Beside these every name of `deepdojo.layers.LAYERS` may be defined."""


def stand_in_of(name: str) -> StandIn | None:
    """The idea that a function or class of this name tells."""
    return next((each for each in STAND_INS if each.names[0] == name), None)

"""BERT's checkpoints. Names: `bert.embeddings.*`, `bert.encoder.layer.N.*`, `cls.*`, `classifier.*`, `qa_outputs.*`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdojo.models.bert import BertConfig
from deepdojo.models.pretrained.activation_names import our_activation, their_activation
from deepdojo.models.pretrained.labels import number_of_labels, their_labels
from deepdojo.models.pretrained.settings import refuse
from deepdojo.models.pretrained.tensor_map import Entry

__all__ = [
    "HEADS",
    "IGNORED",
    "MODEL",
    "MODEL_TYPE",
    "PREFIX",
    "TABLES",
    "entries",
    "from_arguments",
    "to_arguments",
    "writes",
]

MODEL_TYPE, MODEL, PREFIX = "bert", "bert", "bert."
HEADS = {
    "BertForMaskedLM": "masked_word",
    "BertForPreTraining": "pretraining",
    "BertForNextSentencePrediction": "next_sentence",
    "BertForSequenceClassification": "classifier",
    "BertForTokenClassification": "token",
    "BertForQuestionAnswering": "span",
    "BertModel": "none",
}
IGNORED = (r"position_ids$",)  # old files keep the step numbers
TABLES = (
    ("cls.predictions.decoder.weight", f"{PREFIX}embeddings.word_embeddings.weight"),
    ("cls.predictions.decoder.bias", "cls.predictions.bias"),
)


def writes(config: Any) -> bool:
    """Whether a model of this config can be written."""
    return isinstance(config, BertConfig) and config.pooling == "first"


def to_arguments(theirs: Mapping[str, Any], head: str) -> dict[str, Any]:
    """Arguments of our `bert`."""
    refuse(theirs, is_decoder=False, add_cross_attention=False, position_embedding_type="absolute")
    dropout = float(theirs.get("hidden_dropout_prob", 0.1))
    head_dropout = theirs.get("classifier_dropout")
    return {
        "vocab_size": theirs.get("vocab_size", 30522),
        "num_outputs": number_of_labels(theirs),
        "head": head,
        "width": theirs.get("hidden_size", 768),
        "num_layers": theirs.get("num_hidden_layers", 12),
        "num_heads": theirs.get("num_attention_heads", 12),
        "feed_forward": theirs.get("intermediate_size", 3072),
        "max_length": theirs.get("max_position_embeddings", 512),
        "segments": theirs.get("type_vocab_size", 2),
        "activation": our_activation(theirs.get("hidden_act", "gelu")),
        "norm_eps": float(theirs.get("layer_norm_eps", 1e-12)),
        "tied": theirs.get("tie_word_embeddings", True),
        "dropout": dropout,
        "head_dropout": dropout if head_dropout is None else float(head_dropout),
    }


def from_arguments(config: BertConfig, head: str) -> dict[str, Any]:
    """Their config.json."""
    return {
        "model_type": MODEL_TYPE,
        "architectures": [next(name for name, ours in HEADS.items() if ours == head)],
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "intermediate_size": config.feed_forward or 4 * config.width,
        "max_position_embeddings": config.max_length,
        "type_vocab_size": config.segments,
        "hidden_act": their_activation(config.activation),
        "layer_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.tied,
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": 0.0,
        "classifier_dropout": config.head_dropout,
        **their_labels(config.num_outputs),
    }


def entries(config: BertConfig, head: str) -> list[Entry]:
    """Which tensor is which, for a model with this head."""
    at = "" if head == "none" else PREFIX
    found = [
        Entry("embedding.weight", (f"{at}embeddings.word_embeddings.weight",)),
        Entry("segments.weight", (f"{at}embeddings.token_type_embeddings.weight",)),
        Entry("positions.weight", (f"{at}embeddings.position_embeddings.weight",)),
        *_both("norm", f"{at}embeddings.LayerNorm"),
    ]
    for n in range(config.num_layers):
        found += _layer(f"layers.{n}", f"{at}encoder.layer.{n}")
    if head in ("classifier", "next_sentence", "pretraining", "none"):
        found += _both("pooler.dense", f"{at}pooler.dense")
    if head in ("masked_word", "pretraining"):
        found += _both("words.dense", "cls.predictions.transform.dense")
        found += _both("words.norm", "cls.predictions.transform.LayerNorm")
        found.append(Entry("words.bias", ("cls.predictions.bias",)))
        if not config.tied:  # then the scores take the second of two biases
            found.append(Entry("words.bias", ("cls.predictions.decoder.bias",)))
            found.append(Entry("words.decoder.weight", ("cls.predictions.decoder.weight",)))
    top = {"classifier": "classifier", "token": "classifier", "span": "qa_outputs"}
    top |= {"next_sentence": "cls.seq_relationship", "pretraining": "cls.seq_relationship"}
    return found + (_both("head.dense", top[head]) if head in top else [])


def _layer(ours: str, theirs: str) -> list[Entry]:
    parts = [f"{theirs}.attention.self.{part}" for part in ("query", "key", "value")]
    return [
        Entry(f"{ours}.self_attn.in_proj_weight", tuple(f"{part}.weight" for part in parts)),
        Entry(f"{ours}.self_attn.in_proj_bias", tuple(f"{part}.bias" for part in parts)),
        *_both(f"{ours}.self_attn.out_proj", f"{theirs}.attention.output.dense"),
        *_both(f"{ours}.norm1", f"{theirs}.attention.output.LayerNorm"),
        *_both(f"{ours}.linear1", f"{theirs}.intermediate.dense"),
        *_both(f"{ours}.linear2", f"{theirs}.output.dense"),
        *_both(f"{ours}.norm2", f"{theirs}.output.LayerNorm"),
    ]


def _both(ours: str, theirs: str) -> list[Entry]:
    return [Entry(f"{ours}.{kind}", (f"{theirs}.{kind}",)) for kind in ("weight", "bias")]

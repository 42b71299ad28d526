"""Keras 3 on PyTorch or TensorFlow. Fastest: `fit` on ready batches of like length; on TensorFlow, where steps are
short, several of them in one call, compiled by XLA. Quick start: `compile("adam")` and `fit` on arrays, sentences
padded to the longest."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from gate import Gate

STEPS_A_CALL = 16  # of the short steps of credit_mlp, on TensorFlow
RECTANGULAR = ("fashion_cnn", "credit_mlp")


def run(workload: str, form: str, given: argparse.Namespace, gate: Gate, backend: str = "tensorflow") -> None:
    os.environ["KERAS_BACKEND"] = backend
    if backend == "tensorflow":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(given.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras
    import torch

    from peers import keras_models

    torch.set_num_threads(given.threads)
    module = import_module(f"bare.{workload}")
    settings, data = module.SETTINGS, module.read(given.data)
    vocabulary = {"text_cnn": data[2:], "bilstm": data[2:], "decoder": data[1:]}.get(workload, ())
    model = getattr(keras_models, workload)(*vocabulary)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    a_call = STEPS_A_CALL if workload == "credit_mlp" and backend == "tensorflow" and not form else 1

    class Count(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            for _ in range(a_call):
                gate.step()

    if form == "quick":
        model.compile(optimizer="adam", loss=loss)
        x, y = arrays(workload, module, data)
        model.fit(x, y, batch_size=settings.batch_size, epochs=10**6, callbacks=[Count()])
        return
    rate = keras.optimizers.schedules.PolynomialDecay(settings.lr, given.steps, 0.0)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay, global_clipnorm=settings.clip)
    compiled = a_call > 1
    model.compile(optimizer=optimizer, loss=loss, jit_compile=compiled, steps_per_execution=a_call)
    ready = fast(workload, module, data, settings.batch_size, backend)
    model.fit(ready, steps_per_epoch=10**9 // a_call * a_call, callbacks=[Count()], verbose=0)


def arrays(workload: str, module: Any, data: tuple[Any, ...]) -> tuple[Any, Any]:
    """All training rows as two arrays; of a text, windows side by side."""
    if workload in ("text_cnn", "bilstm"):
        from torch.nn.utils.rnn import pad_sequence

        return pad_sequence(data[0], batch_first=True).numpy().astype("int32"), data[1].numpy()
    if workload == "decoder":
        rows = data[0].numpy().astype("int32")
        count = (len(rows) - 1) // module.CONTEXT
        return tuple(rows[i : i + count * module.CONTEXT].reshape(count, -1) for i in (0, 1))
    x = module.prepare(data[0]).movedim(1, 3) if workload == "fashion_cnn" else data[0]
    return x.contiguous().numpy(), data[1].numpy()


def fast(workload: str, module: Any, data: tuple[Any, ...], size: int, backend: str) -> Any:
    """Endless batches: a tf.data pipeline for TensorFlow, a generator of torch tensors for PyTorch."""
    if backend == "tensorflow" and workload in RECTANGULAR:
        return pipeline(workload, data, size)
    if workload in ("text_cnn", "bilstm"):
        parts: Iterator[Any] = ((words.int(), y) for words, _, y in module.batches(*data[:2], size))
        if backend == "tensorflow":
            return tensors(parts, targets=1)
    elif workload == "decoder":
        parts = ((x.int(), y) for x, y in module.batches(data[0], size))
        if backend == "tensorflow":
            return tensors(parts, targets=2)
    else:
        parts = module.batches(data, size)
        if workload == "fashion_cnn":
            parts = ((x.movedim(1, 3), y) for x, y in parts)
    return parts


def pipeline(workload: str, data: tuple[Any, ...], size: int) -> Any:
    import tensorflow as tf

    pictures = workload == "fashion_cnn"
    x, y = data[0].numpy(), data[1].numpy()

    def prepare(x: Any, y: Any) -> tuple[Any, Any]:
        return (tf.cast(tf.image.random_flip_left_right(x), tf.float32) / 255.0 - 0.286) / 0.353, y

    rows = tf.data.Dataset.from_tensor_slices((x.transpose(0, 2, 3, 1) if pictures else x, y))
    batches = rows.cache().shuffle(len(x)).repeat().batch(size, drop_remainder=True)
    return (batches.map(prepare) if pictures else batches).prefetch(2)


def tensors(parts: Iterator[Any], targets: int) -> Any:
    """Batches of tokens (B, T) as TensorFlow's; `targets` axes have what is to be predicted."""
    import tensorflow as tf

    kinds = (tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,) * targets, tf.int64))
    made = ((words.numpy(), y.numpy()) for words, y in parts)
    return tf.data.Dataset.from_generator(lambda: itertools.chain(made), output_signature=kinds).prefetch(2)

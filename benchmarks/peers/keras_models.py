"""The workloads' networks in Keras layers: the same widths, kernels, dropouts and normalisation constants."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


def fashion_cnn() -> keras.Model:
    def block(x: Any, channels: int, kernel: int) -> Any:
        y = layers.Conv2D(channels, kernel, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(y))

    pixels = layers.Input((28, 28, 1))
    x = layers.MaxPooling2D()(block(pixels, 24, 5))
    x = block(layers.MaxPooling2D()(block(x, 48, 3)), 96, 3)
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, block(x, 96, 3)]))
    return keras.Model(pixels, layers.Dense(10)(x))


def text_cnn(vocab_size: int) -> keras.Model:
    words = layers.Input((None,), dtype="int32")
    x = layers.Dropout(0.3)(layers.Embedding(vocab_size, 128)(words))
    pooled = []
    for width in (3, 4, 5):
        y = layers.ZeroPadding1D(width - 1)(x)
        pooled.append(layers.GlobalMaxPooling1D()(layers.Conv1D(100, width, activation="relu")(y)))
    x = layers.Dropout(0.5)(layers.Concatenate()(pooled))
    return keras.Model(words, layers.Dense(2)(x))


def bilstm(vocab_size: int) -> keras.Model:
    words = layers.Input((None,), dtype="int32")
    x = layers.Dropout(0.3)(layers.Embedding(vocab_size, 128, mask_zero=True)(words))
    x = layers.Bidirectional(layers.LSTM(128, return_sequences=True))(x)
    return keras.Model(words, layers.Dense(2)(layers.Dropout(0.5)(layers.GlobalMaxPooling1D()(x))))


def credit_mlp() -> keras.Model:
    numbers = layers.Input((23,))
    x = numbers
    for _ in range(2):
        x = layers.Dropout(0.1)(layers.Dense(128, activation="relu")(x))
    return keras.Model(numbers, layers.Dense(2)(x))


class Positions(layers.Layer):
    """Adds a learned vector for each step."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=shape[1:], initializer="random_normal")

    def call(self, x: Any) -> Any:
        return x + self.table


def decoder(vocab_size: int) -> keras.Model:
    from bare.decoder import CONTEXT, HEADS, LAYERS, WIDTH

    tokens = layers.Input((CONTEXT,), dtype="int32")
    x = Positions()(layers.Embedding(vocab_size, WIDTH)(tokens))
    for _ in range(LAYERS):
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y, use_causal_mask=True)])
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        y = layers.Dense(WIDTH)(layers.Dense(4 * WIDTH, activation="gelu")(y))
        x = layers.Add()([x, y])
    return keras.Model(tokens, layers.Dense(vocab_size)(layers.LayerNormalization(epsilon=1e-5)(x)))

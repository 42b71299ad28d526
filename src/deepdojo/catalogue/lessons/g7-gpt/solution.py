"""A GPT: embedding, blocks, norm, head. B batch, T tokens, V vocabulary, D width, L layers, H heads."""

import torch
import torch.nn.functional as F
from torch import nn


class GPT(nn.Module):
    """A language model that reads from left to right.

    Args:
        V: how many tokens there are.
        D: width, a multiple of 2H.
        L: layers, each with weights of its own, and with skip connections.
        H: heads of each layer.
        T: the longest text, in tokens.

    There is a norm before the logits (or at the end of the last layer), and an untrained model's loss is about ln V.
    """

    def __init__(self, V, D, L, H, T):
        super().__init__()
        # --- your code ---
        self.heads = H
        self.words, self.places = nn.Embedding(V, D), nn.Embedding(T, D)
        self.layers = nn.ModuleList()
        for _ in range(L):
            parts = {"norm1": nn.LayerNorm(D), "qkv": nn.Linear(D, 3 * D), "mix": nn.Linear(D, D)}
            parts |= {"norm2": nn.LayerNorm(D), "up": nn.Linear(D, 4 * D), "down": nn.Linear(4 * D, D)}
            self.layers.append(nn.ModuleDict(parts))
        self.norm = nn.LayerNorm(D)
        for table in (self.words, self.places):
            nn.init.normal_(table.weight, std=0.02)
        # --- end ---

    def forward(self, ids, cache=None):
        """What may come next.

        Args:
            ids: (B, T') token numbers; with a cache, those that follow the tokens that it holds.
            cache: None, or what an earlier call returned. In all there are at most T tokens.

        Returns:
            logits: (B, T', V); those of position t rest on the tokens up to t, itself included.
            cache: of a form that you choose. What it holds is not computed again.
        """
        # --- your code ---
        past = 0 if cache is None else cache[0][0].shape[2]
        at = torch.arange(past, past + ids.shape[1])
        hidden = torch.arange(past + ids.shape[1]) > at[:, None]
        x = self.words(ids) + self.places(at)
        kept = []
        for i, layer in enumerate(self.layers):
            q, k, v = layer["qkv"](layer["norm1"](x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
            if cache is not None:
                k, v = torch.cat([cache[i][0], k], 2), torch.cat([cache[i][1], v], 2)
            kept.append((k, v))
            scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(hidden, -torch.inf)
            found = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
            x = x + layer["mix"](found)
            x = x + layer["down"](F.gelu(layer["up"](layer["norm2"](x))))
        return self.norm(x) @ self.words.weight.T, kept
        # --- end ---

    def loss(self, ids):
        """Mean negative log-likelihood of each token but the first, given those before it.

        Args:
            ids: (B, T').

        Returns:
            (), in nats.
        """
        # --- your code ---
        logits, _ = self(ids)
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        # --- end ---

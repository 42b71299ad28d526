import torch
from torch import nn


class Transformer(nn.Module):
    """torch's own encoder, learned positions, the greatest value of each column over the real words."""

    def __init__(self, input_size, hidden_size, num_layers, num_heads, num_classes):
        super().__init__()
        self.words = nn.Embedding(input_size, hidden_size)
        self.places = nn.Parameter(torch.zeros(1, 512, hidden_size))
        layer = nn.TransformerEncoderLayer(
            hidden_size, num_heads, 4 * hidden_size, batch_first=True, norm_first=True, activation="gelu"
        )
        self.encoder = nn.TransformerEncoder(layer, num_layers, nn.LayerNorm(hidden_size), enable_nested_tensor=False)
        hidden = nn.Linear(hidden_size, hidden_size)
        self.classify = nn.Sequential(hidden, nn.Tanh(), nn.Linear(hidden_size, num_classes))

    def forward(self, ids, keep=None):
        h = self.words(ids) + self.places[:, : ids.size(1)]
        h = self.encoder(h, src_key_padding_mask=None if keep is None else ~keep)
        if keep is not None:
            h = h.masked_fill(~keep.unsqueeze(-1), torch.finfo(h.dtype).min)
        return self.classify(h.amax(dim=1))

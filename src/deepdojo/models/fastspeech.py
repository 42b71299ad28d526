"""Characters -> mel frames in one pass: convolutions over the text, each token's state repeated for its frames,
convolutions over the frames; how long a token lasts is learned from the alignment of text and sound.

Dimensions: B batch, S tokens, T frames, D width, bands of the mel spectrum.
Source: Ren et al. 2019, "FastSpeech" (durations, one pass); Popov et al. 2021, "Grad-TTS", section 3 (an aligned mean
    frame of each token, which is what the alignment is searched with)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.gated_convolution import GatedConvolution
from deepdojo.models.heads import shrink_head
from deepdojo.models.spectrum_vocoder import SpectrumVocoder
from deepdojo.models.tokens import embed_tokens

__all__ = ["Fastspeech", "FastspeechConfig"]

_PLACES = 3  # numbers that say where in its token a frame is
_FIRST_FRAMES = 1.5  # ln of the frames of a token before anything is learned: about 4.5


@dataclass(frozen=True)
class FastspeechConfig:
    """Arguments of `fastspeech`."""

    vocab_size: int
    """Tokens in the vocabulary. From the data."""
    mel_bands: int
    """Bands of a frame. From the data."""
    hop_samples: int
    """Samples from one frame to the next. From the data."""
    window_samples: int
    """Samples that a frame sees. From the data."""
    width: int = 128
    """Width of every layer."""
    text_blocks: int = 3
    """Convolutions over the text."""
    frame_blocks: int = 4
    """Convolutions over the frames; their kernels are 1, 2, 4, 1, 2, 4, ... frames apart."""
    duration_blocks: int = 1
    """Convolutions that the durations alone read."""
    kernel: int = 5
    """Steps that a convolution sees, odd."""
    dropout: float = 0.2
    """Share silenced after each convolution, in training."""
    vocoder_width: int = 0
    """Width of a network from mel frames to sound; 0: none, the sound is then found by Griffin and Lim's search."""
    vocoder_blocks: int = 4
    """Its convolutions."""

    def __post_init__(self) -> None:
        sizes = ("width", "text_blocks", "frame_blocks", "kernel", "vocoder_blocks")
        require_at_least(self, 1, "vocab_size", "mel_bands", "hop_samples", "window_samples", *sizes)
        require_at_least(self, 0, "duration_blocks", "vocoder_width")
        require(self.kernel % 2 == 1, "kernel", f"kernel must be odd, got {self.kernel}")
        require_shares(self, "dropout")


class Fastspeech(nn.Module):
    """`read` gives the state of each token, its mean frame and its duration; `speak` gives the frames, once it is known
    how many each token has; `vocoder`, where there is one, sound from frames.

    A frame is the mean frame of its token plus what convolutions over the frames add to it. The durations read the
    states and do not move them. Padding never changes a result.
    Initialisation: token vectors normal with deviation 1/√D, the layers' own otherwise, the two linear maps to frames a
    tenth of theirs.
    """

    def __init__(self, config: FastspeechConfig) -> None:
        super().__init__()
        self.config = config
        D, kernel, dropout = config.width, config.kernel, config.dropout
        self.embedding = Embedding(config.vocab_size, D, std=D**-0.5)
        self.text = nn.ModuleList(GatedConvolution(D, kernel, 1, dropout) for _ in range(config.text_blocks))
        self.text_norm = LayerNorm(D)
        self.mean_frame = Linear(D, config.mel_bands)
        self.timing = nn.ModuleList(GatedConvolution(D, 3, 1, dropout) for _ in range(config.duration_blocks))
        self.timing_hidden, self.dropout = Linear(D, D), Dropout(dropout)
        self.log_frames = Linear(D, 1)
        self.place = Linear(D + _PLACES, D)
        self.frames = nn.ModuleList(
            GatedConvolution(D, kernel, (1, 2, 4)[i % 3], dropout) for i in range(config.frame_blocks)
        )
        self.frame_norm = LayerNorm(D)
        self.detail = Linear(D, config.mel_bands)
        shrink_head(self.mean_frame)
        shrink_head(self.detail)
        shrink_head(self.log_frames)
        if self.log_frames.bias is not None:
            nn.init.constant_(self.log_frames.bias, _FIRST_FRAMES)
        self.vocoder = None
        if config.vocoder_width:
            self.vocoder = SpectrumVocoder(
                config.mel_bands, config.vocoder_width, config.vocoder_blocks, config.hop_samples, config.window_samples
            )

    def read(
        self, tokens: Int[Tensor, "B S"], keep: Bool[Tensor, "B S"]
    ) -> tuple[Float[Tensor, "B S D"], Float[Tensor, "B S bands"], Float[Tensor, "B S"]]:
        """(states, the mean frame of each token, ln of its frames)."""
        h, _ = embed_tokens(self, tokens, keep)
        for block in self.text:
            h = block(h, keep)
        h = self.text_norm(h)
        g = h.detach()
        for block in self.timing:
            g = block(g, keep)
        g = self.dropout(torch.relu(self.timing_hidden(g)))
        return h, self.mean_frame(h), self.log_frames(g).squeeze(-1)

    def speak(
        self,
        states: Float[Tensor, "B S D"],
        means: Float[Tensor, "B S bands"],
        durations: Float[Tensor, "B S"],
        frame_keep: Bool[Tensor, "B T"],
    ) -> tuple[Float[Tensor, "B T bands"], Float[Tensor, "B T bands"]]:
        """(frames, the mean frame of each frame's token). A frame belongs to the token during which its middle lies.

        Args:
            durations: frames of each token, 0 or more, not necessarily whole; padding has 0.
        """
        ends = durations.cumsum(1)
        middle = torch.arange(frame_keep.shape[1], device=ends.device) + 0.5
        at = (ends[:, None, :] <= middle[None, :, None]).sum(-1).clamp(max=ends.shape[1] - 1)  # (B, T)
        lasts = durations.gather(1, at)
        share = (middle[None] - (ends.gather(1, at) - lasts)) / lasts.clamp(min=1e-3)
        share = share.clamp(0.0, 1.0)
        own = states.gather(1, at.unsqueeze(-1).expand(-1, -1, states.shape[2]))
        mean = means.gather(1, at.unsqueeze(-1).expand(-1, -1, means.shape[2]))
        h = self.place(torch.cat([own, torch.stack([share, 1 - share, torch.log1p(lasts)], -1)], -1))
        for block in self.frames:
            h = block(h, frame_keep)
        return mean + self.detail(self.frame_norm(h)), mean

    def forward(
        self, tokens: Int[Tensor, "B S"], keep: Bool[Tensor, "B S"], frame_keep: Bool[Tensor, "B T"]
    ) -> tuple[Float[Tensor, "B T bands"], Float[Tensor, "B S"]]:
        """(frames, durations): as many frames as `frame_keep` has, shared among the tokens as their durations are."""
        states, means, log_frames = self.read(tokens, keep)
        durations = log_frames.exp().masked_fill(~keep, 0.0)
        whole = frame_keep.sum(1, keepdim=True).to(durations.dtype)
        durations = durations * whole / durations.sum(1, keepdim=True).clamp(min=1e-6)
        return self.speak(states, means, durations, frame_keep)[0], durations

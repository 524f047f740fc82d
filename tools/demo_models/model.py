"""A Whisper of any size that trains on short windows; parameters are named as in Hugging Face's.

Whisper always sees 30 s: a few seconds of speech and a long tail of padding. Training on 1500 positions of
which 1300 are padding wastes most of the work, training without the tail gives a model that is lost when it
meets one. Here the tail is *sampled*: a few of its positions stand for all of them, each counted (N /
sampled) times in every attention by adding log(N / sampled) to its score. See `Tail`.
"""

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import tokens

CONTEXT = 1_500
"""Encoder positions of 20 ms in 30 s; faster-whisper always pads to that, so no fewer will do."""

_MASKED = -1e9
_TAIL_SAMPLES = 24
_ENCODER_POSITION_SCALE = 0.3
_DECODER_POSITION_SCALE = 0.1
_TIMESTAMP_SCALE = 0.07
_DECODER_POSITIONS = 448


@dataclass(frozen=True)
class Shape:
    """The size of a model."""

    width: int = 128
    heads: int = 2
    inner: int = 384
    encoder_layers: int = 2
    decoder_layers: int = 1

    def as_dict(self) -> dict[str, int]:
        """Return the fields by name, as checkpoints store them."""
        return asdict(self)


DRAFT = Shape(width=96, inner=256)
TRUNK = Shape()
REFINE = Shape(inner=512, encoder_layers=4, decoder_layers=2)


@dataclass(frozen=True)
class Tail:
    """The padding after each window: the positions that stand for it, and every position's attention bias.

    `positions` is (batch, sampled); `bias` is (batch, window positions + sampled): 0 for what is really
    there, minus infinity (nearly) for what is not, log(N / sampled) for the positions that stand for N.
    """

    positions: Tensor
    bias: Tensor

    @classmethod
    def sample(cls, lengths: Tensor, width: int, generator: torch.Generator) -> "Tail":
        """Draw tails for windows of `lengths` positions in `width`: half of them to 30 s, half 0 to 3 s."""
        batch = len(lengths)
        margin = torch.randint(0, 151, (batch,), generator=generator)
        full = torch.rand(batch, generator=generator) < 0.5
        context = torch.where(full, torch.full_like(lengths, CONTEXT), (lengths + margin).clamp(max=CONTEXT))
        beyond = (context - width).clamp(min=0)
        draws = torch.rand(batch, _TAIL_SAMPLES, generator=generator)
        positions = (width + draws * beyond[:, None]).long().clamp(max=CONTEXT - 1)
        present = torch.arange(width)[None] < context[:, None]
        inside = torch.zeros(batch, width).masked_fill(~present, _MASKED)
        weight = torch.where(beyond > 0, (beyond.clamp(min=1) / _TAIL_SAMPLES).log(), torch.tensor(_MASKED))
        return cls(positions, torch.cat([inside, weight[:, None].expand(-1, _TAIL_SAMPLES)], 1))


def sinusoids(length: int, width: int) -> Tensor:
    """Return Whisper's sinusoidal position embeddings, shape (length, width)."""
    step = math.log(10_000) / (width // 2 - 1)
    angles = torch.arange(length)[:, None] * torch.exp(-step * torch.arange(width // 2))[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Attention(nn.Module):
    """Multi-head attention, written out: on a CPU its backward pass is faster than the fused kernel's."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.k_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.v_proj = nn.Linear(shape.width, shape.width)
        self.q_proj = nn.Linear(shape.width, shape.width)
        self.out_proj = nn.Linear(shape.width, shape.width)

    def forward(self, queries: Tensor, memory: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Attend from `queries` to `memory`, `bias` added to the scores; return output and weights."""
        batch, length, width = queries.shape

        def split(states: Tensor) -> Tensor:
            return states.view(batch, -1, self.heads, width // self.heads).transpose(1, 2)

        scaled = split(self.q_proj(queries)) * (width // self.heads) ** -0.5
        weights = (scaled @ split(self.k_proj(memory)).transpose(-1, -2) + bias).softmax(-1)
        mixed = (weights @ split(self.v_proj(memory))).transpose(1, 2).reshape(batch, length, width)
        return self.out_proj(mixed), weights


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward network, both with the norm first."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.self_attn_layer_norm = nn.LayerNorm(shape.width)
        self.fc1 = nn.Linear(shape.width, shape.inner)
        self.fc2 = nn.Linear(shape.inner, shape.width)
        self.final_layer_norm = nn.LayerNorm(shape.width)

    def attend(self, states: Tensor, bias: Tensor) -> Tensor:
        """Apply the self-attention half."""
        normed = self.self_attn_layer_norm(states)
        attended: Tensor = self.self_attn(normed, normed, bias)[0]
        return states + attended

    def feed(self, states: Tensor) -> Tensor:
        """Apply the feed-forward half."""
        fed: Tensor = self.fc2(functional.gelu(self.fc1(self.final_layer_norm(states))))
        return states + fed

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        """Apply the layer."""
        return self.feed(self.attend(states, bias))


class DecoderLayer(EncoderLayer):
    """An encoder layer with cross-attention between its halves."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.encoder_attn = Attention(shape)
        self.encoder_attn_layer_norm = nn.LayerNorm(shape.width)

    def decode(self, states: Tensor, causal: Tensor, memory: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Apply the layer; return states and cross-attention (batch, heads, tokens, positions)."""
        states = self.attend(states, causal)
        attended, weights = self.encoder_attn(self.encoder_attn_layer_norm(states), memory, bias)
        return self.feed(states + attended), weights


class Encoder(nn.Module):
    """Two convolutions (100 to 50 positions a second), fixed positions, layers."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(80, shape.width, 3, padding=1)
        self.conv2 = nn.Conv1d(shape.width, shape.width, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(CONTEXT, shape.width)
        self.embed_positions.weight.data = _ENCODER_POSITION_SCALE * sinusoids(CONTEXT, shape.width)
        self.embed_positions.weight.requires_grad = False
        self.layers = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.encoder_layers))
        self.layer_norm = nn.LayerNorm(shape.width)

    def _stem(self, frames: Tensor) -> Tensor:
        hidden = functional.gelu(self.conv2(functional.gelu(self.conv1(frames))))
        return hidden.transpose(1, 2)

    def forward(self, frames: Tensor, tail: Tail) -> Tensor:
        """Encode frames (batch, 80, 2 * positions) and their tails: (batch, positions + sampled, width)."""
        window = self._stem(frames)
        window = window + self.embed_positions.weight[: window.shape[1]]
        blank = self._stem(frames.new_zeros(1, frames.shape[1], 16))[:, 4]
        states = torch.cat([window, blank[:, None] + self.embed_positions(tail.positions)], dim=1)
        for layer in self.layers:
            states = layer(states, tail.bias[:, None, None])
        normed: Tensor = self.layer_norm(states)
        return normed


class Decoder(nn.Module):
    """Token and position embeddings, layers; the output layer is the token embedding itself."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(tokens.VOCABULARY, shape.width)
        self.embed_positions = nn.Embedding(_DECODER_POSITIONS, shape.width)
        nn.init.normal_(self.embed_tokens.weight, std=0.05)
        # Timestamps start out as what they mean: the position embedding of their time.
        times = _TIMESTAMP_SCALE * sinusoids(tokens.TIMESTAMPS, shape.width)
        self.embed_tokens.weight.data[tokens.FIRST_TIMESTAMP :] = times
        self.embed_positions.weight.data = _DECODER_POSITION_SCALE * sinusoids(
            _DECODER_POSITIONS, shape.width
        )
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.decoder_layers))
        self.layer_norm = nn.LayerNorm(shape.width)

    def forward(self, inputs: Tensor, memory: Tensor, bias: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Decode; return states and each layer's cross-attention of head 0 (batch, tokens, positions)."""
        length = inputs.shape[1]
        states = self.embed_tokens(inputs) + self.embed_positions.weight[:length]
        causal = torch.full((length, length), _MASKED).triu(1)
        attention = []
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            states, weights = layer.decode(states, causal, memory, bias[:, None, None])
            attention.append(weights[:, 0])
        return self.layer_norm(states), attention


class Whisper(nn.Module):
    """The whole model, plus two auxiliary heads that exist only while training.

    `frame` names the phoneme at each encoder position, `span` the token spoken over a span of positions.
    """

    def __init__(self, shape: Shape, phones: int) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.decoder = Decoder(shape)
        self.frame = nn.Linear(shape.width, phones)
        self.span = nn.Linear(shape.width, shape.width)

    def logits(self, states: Tensor) -> Tensor:
        """Score every token of the vocabulary for each state."""
        return functional.linear(states, self.decoder.embed_tokens.weight)

    def parameters_count(self) -> int:
        """Count the parameters that training changes."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)


def grow(small: Whisper, shape: Shape, phones: int) -> Whisper:
    """Make a deeper, wider-inside model that computes exactly what `small` does, to be trained on from there.

    Layers are copied in order and then over again; the copies contribute nothing at first (their output
    projections are zero), and so do the added feed-forward units.
    """
    large = Whisper(shape, phones)
    source, grown = small.state_dict(), large.state_dict()
    for name, target in grown.items():
        side, _, rest = name.partition(".layers.")
        if not rest:
            grown[name] = source[name].clone()
            continue
        index, _, parameter = rest.partition(".")
        depth = small.shape.encoder_layers if side == "encoder" else small.shape.decoder_layers
        original = source[f"{side}.layers.{int(index) % depth}.{parameter}"]
        value = target.clone()
        if parameter in ("fc1.weight", "fc1.bias"):
            value[: len(original)] = original  # the added units keep their random start
        elif parameter == "fc2.weight":
            value.zero_()[:, : original.shape[1]] = original
        else:
            value = original.clone()
        is_copy = int(index) >= depth
        if is_copy and (parameter.startswith("fc2.") or "out_proj." in parameter):
            value.zero_()
        grown[name] = value
    large.load_state_dict(grown)
    return large

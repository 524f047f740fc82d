"""What training minimises.

The grammar of the toy language is so regular that a decoder alone reaches about 1 nat a token without
listening, and then stays there: plain cross-entropy leaves the audio unused for a long time. The synthesiser
knows when each word and phoneme was spoken, so three auxiliary losses say where to listen and what is heard
there.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from . import tokens
from .dataset import Batch
from .model import Tail, Whisper

_TIMESTAMP_SIGMA = 0.8
"""Width, in 20 ms steps, of the soft target for timestamps: being one step off is hardly wrong."""
_REACH = 3


@dataclass(frozen=True)
class Weights:
    """Shares of the auxiliary losses in the total; the text and timestamp loss counts 1."""

    attention: float = 1.0
    phones: float = 0.4
    span: float = 0.7


@dataclass(frozen=True)
class Losses:
    """The parts of one step's loss, and the share of text tokens guessed right."""

    total: Tensor
    text: float
    timestamps: float
    attention: float
    phones: float
    span: float
    accuracy: float


def corrupt(inputs: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Replace `share` of the text tokens in 60 % of the rows by random ones: history must not be trusted."""
    chosen = torch.rand(inputs.shape, generator=generator) < share
    chosen &= torch.rand(len(inputs), 1, generator=generator) < 0.6
    chosen &= inputs < tokens.END
    return torch.where(chosen, torch.randint(0, tokens.END, inputs.shape, generator=generator), inputs)


def measure(model: Whisper, batch: Batch, inputs: Tensor, tail: Tail, weights: Weights) -> Losses:
    """Run the model on a batch with (corrupted) `inputs` and compute every loss."""
    width = batch.phones.shape[1]
    memory = model.encoder(batch.frames, tail)
    states, attention = model.decoder(inputs, memory, tail.bias)
    scored = batch.targets >= 0
    targets = batch.targets[scored]
    log_probabilities = model.logits(states[scored]).log_softmax(-1)
    is_time = targets >= tokens.FIRST_TIMESTAMP
    text = -log_probabilities[~is_time].gather(-1, targets[~is_time, None]).sum()
    times = _timestamp_loss(log_probabilities[is_time], targets[is_time])
    heard = memory[:, :width]
    aimed = _attention_loss(attention, batch)
    named = _span_loss(model, heard, batch)
    phones = functional.cross_entropy(model.frame(heard).flatten(0, 1), batch.phones.flatten())
    total = (text + times) / max(1, len(targets))
    total = total + weights.attention * aimed + weights.span * named + weights.phones * phones
    right = (log_probabilities[~is_time].argmax(-1) == targets[~is_time]).float().mean()
    text_count, time_count = int((~is_time).sum()), max(1, int(is_time.sum()))
    return Losses(
        total,
        text=text.item() / text_count,
        timestamps=times.item() / time_count,
        attention=aimed.item(),
        phones=phones.item(),
        span=named.item(),
        accuracy=right.item(),
    )


def _timestamp_loss(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    offsets = torch.arange(-_REACH, _REACH + 1)
    soft = torch.tensor([math.exp(-0.5 * (k / _TIMESTAMP_SIGMA) ** 2) for k in offsets.tolist()])
    near = (targets[:, None] + offsets).clamp(tokens.FIRST_TIMESTAMP, tokens.VOCABULARY - 1)
    return -(log_probabilities.gather(1, near) * (soft / soft.sum())).sum()


def _attention_loss(attention: list[Tensor], batch: Batch) -> Tensor:
    """Minus log of the attention mass that head 0 of the last two layers puts inside each token's span."""
    row, column = (batch.spans[..., 1] > batch.spans[..., 0]).nonzero(as_tuple=True)
    begin, end = batch.spans[row, column].unbind(-1)
    loss = torch.zeros(())
    supervised = attention[-2:]
    for weights in supervised:
        reached = functional.pad(weights[row, column].cumsum(-1), (1, 0))
        inside = reached.gather(1, end[:, None]) - reached.gather(1, begin[:, None])
        loss = loss - inside.clamp(min=1e-5).log().mean() / len(supervised)
    return loss


def _span_loss(model: Whisper, heard: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of naming a text token from the mean encoder output over its span."""
    spoken = (batch.spans[..., 1] > batch.spans[..., 0]) & (batch.targets >= 0) & (batch.targets < tokens.END)
    row, column = spoken.nonzero(as_tuple=True)
    if not len(row):
        return torch.zeros(())
    begin, end = batch.spans[row, column].unbind(-1)
    summed = functional.pad(heard.cumsum(1), (0, 0, 1, 0))
    mean = (summed[row, end] - summed[row, begin]) / (end - begin)[:, None]
    scores = functional.linear(model.span(mean), model.decoder.embed_tokens.weight[: tokens.END])
    return functional.cross_entropy(scores, batch.targets[row, column])

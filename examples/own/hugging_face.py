"""A model in the style of Hugging Face. `lanewise run examples/own/hugging_face.yaml`

Such a model takes keyword arguments and returns an object with `.logits` (and `.loss`, if it was
given labels). Lanewise calls `model(x)` and expects logits [batch, outputs]. `Logits` below is all
that lies between; copy it and `build`, and leave the rest.

The model is written out here, in small, so that the example needs nothing beyond torch. With
transformers installed, put this in place of `Encoder(EncoderConfig(...))`:

    AutoModelForSequenceClassification.from_config(
        BertConfig(..., attention_probs_dropout_prob=0.0, num_labels=info.outputs)
    )

Its attention drops out by a function, not an `nn.Dropout`: with a rate other than 0 there, Lanewise
cannot draw for it, and such models train one after the other instead of in packs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

# Shapes: B rows of a batch, T tokens, D width of a token, H heads, C outputs.

TOKENS = 8  # an image of 8 × 8 pixels is read as eight tokens, a line of pixels each


class Logits(nn.Module):
    """The wrapper: a table's rows [B, F] in, logits [B, C] out.

    A table's rows come standardised, as float32: they are no token ids, so they enter as
    `inputs_embeds`. The model's own table of word embeddings is then never used, and a parameter
    that no gradient reaches would make the model train alone: frozen, it is left aside.
    """

    def __init__(self, model: nn.Module, inputs: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs // TOKENS, width)
        self.model = model
        model.get_input_embeddings().requires_grad_(False)

    def forward(self, x_BF: Tensor) -> Tensor:
        embeds_BTD = self.embed(x_BF.unflatten(1, (TOKENS, -1)))
        return self.model(inputs_embeds=embeds_BTD).logits


def build(config, info) -> nn.Module:
    """The loss is Lanewise's (`loss:` in the sweep file), so the model is never given labels."""
    width = config.get("hidden_size", 32)
    model = Encoder(
        EncoderConfig(
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=config.get("num_hidden_layers", 1),
            num_attention_heads=config.get("num_attention_heads", 4),
            hidden_dropout_prob=config.get("dropout", 0.0),
            num_labels=info.outputs,  # 1 for `binary` and `regression`: a single logit or number
        )
    )
    return Logits(model, info.input_shape[0], width)


# From here on: what transformers would bring.


@dataclass
class EncoderConfig:
    """As a `PretrainedConfig`: all that the model must know, by transformers' names."""

    vocab_size: int = 32
    hidden_size: int = 32
    intermediate_size: int = 64
    num_hidden_layers: int = 1
    num_attention_heads: int = 4
    hidden_dropout_prob: float = 0.0
    max_position_embeddings: int = 16
    num_labels: int = 2


@dataclass
class SequenceClassifierOutput:
    """As transformers' output of the same name."""

    logits: Tensor
    loss: Tensor | None = None


class Layer(nn.Module):
    """Self-attention and a small network, each with a residual and a layer norm."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads = config.num_attention_heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.mixed = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, width)
        self.out_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x_BTD: Tensor) -> Tensor:
        q_BHTE, k_BHTE, v_BHTE = (
            part(x_BTD).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        weights_BHTT = (q_BHTE @ k_BHTE.mT / q_BHTE.shape[-1] ** 0.5).softmax(-1)
        attended_BTD = (weights_BHTT @ v_BHTE).transpose(1, 2).flatten(-2)
        x_BTD = self.norm(x_BTD + self.dropout(self.mixed(attended_BTD)))
        return self.out_norm(x_BTD + self.dropout(self.down(functional.gelu(self.up(x_BTD)))))


class Encoder(nn.Module):
    """As an `AutoModelForSequenceClassification`."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def get_input_embeddings(self) -> nn.Module:
        return self.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> SequenceClassifierOutput:
        x_BTD = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        x_BTD = x_BTD + self.position_embeddings(torch.arange(x_BTD.shape[1], device=x_BTD.device))
        for layer in self.layers:
            x_BTD = layer(x_BTD)
        logits_BC = self.classifier(x_BTD.mean(dim=1))
        loss = None if labels is None else functional.cross_entropy(logits_BC, labels)
        return SequenceClassifierOutput(logits_BC, loss)

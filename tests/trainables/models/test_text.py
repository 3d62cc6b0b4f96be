"""The models `text` and `transformer`; in lanes and exported by test_conformance."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from lanewise.trainables.checkpoints.trained import TrainedModel
from lanewise.trainables.config import check, check_data, check_together, complete
from lanewise.trainables.data.columns import Columns, Text
from lanewise.trainables.data.convert import from_frame
from lanewise.trainables.data.dataset import prepare
from lanewise.trainables.data.info import Info
from lanewise.trainables.data.inputs import read_as
from lanewise.trainables.data.tokens import EMPTY, FIRST, PADDING
from lanewise.trainables.errors import ConfigError
from lanewise.trainables.models import MODELS
from lanewise.trainables.models.common.encoder import Encoder, Pooling, Sizes, sinusoids
from lanewise.trainables.models.text.module import turned
from lanewise.trainables.recipe import Recipe
from lanewise.trainables.trial import open_trial

pytestmark = pytest.mark.usefixtures("one_thread")

TEXT = Info("multiclass", (6,), 3, ("a", "b", "c"), vocabulary=12, form="text")
SEQUENCE = Info("regression", (5, 2), 1, form="sequence")
TABLE = Info("binary", (4,), 1, (0, 1), form="table")
SMALL = {"width": 8, "heads": 2, "layers": 1}
ENCODERS = [
    "bag",
    {"name": "gru", "hidden": 3, "layers": 2},
    {"name": "lstm", "hidden": 3, "bidirectional": False},
    {"name": "transformer", "heads": 2, "layers": 1},
]


def build(model, config, info, seed=0):
    torch.manual_seed(seed)
    return MODELS[model].builder(complete(model, config), info)


def tokens(rows=7, steps=6, seed=0):
    """Texts of 1 to 6 tokens."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(FIRST, 12, (rows, steps), generator=generator)
    return x.where(torch.arange(steps) < 1 + torch.arange(rows)[:, None] % steps, PADDING)


def examples(info, rows=7):
    if info.form == "text":
        return tokens(rows)
    return torch.randn(rows, *info.input_shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda e: e if isinstance(e, str) else e["name"])
@pytest.mark.parametrize("pooling", ["mean", "max", "last"])
def test_padding_has_no_say(encoder, pooling):
    config = {"encoder": encoder, "embedding": 8, "pooling": pooling}
    module = build("text", config, TEXT).double().eval()
    x = tokens()
    assert module(x).shape == (7, 3)
    longer = dataclasses.replace(TEXT, input_shape=(9,))
    wide = build("text", config, longer).double().eval()
    own = {n: t for n, t in module.state_dict().items() if "places" not in n}
    wide.load_state_dict(own, strict=False)
    found = wide(nn.functional.pad(x, (0, 3), value=PADDING))
    torch.testing.assert_close(found, module(x))


@pytest.mark.parametrize("form", ["sequence", "table", "text"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize("pre_norm", [True, False])
def test_a_transformer_takes_its_forms(form, pooling, pre_norm):
    info = {"sequence": SEQUENCE, "table": TABLE, "text": TEXT}[form]
    module = build("transformer", {**SMALL, "pooling": pooling, "pre_norm": pre_norm}, info)
    x = examples(info)
    output = module(x)
    assert output.shape == (7, info.outputs)
    output.square().sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    module.eval()
    for rows in (1, 3):
        torch.testing.assert_close(module(x[:rows]), module(x)[:rows])


def test_what_it_says_depends_on_the_order_unless_it_is_a_bag():
    x = torch.tensor([[3, 4, 5, 6, 7, 8]])
    for encoder in ENCODERS:
        module = build("text", {"encoder": encoder, "embedding": 8}, TEXT).double().eval()
        same = torch.allclose(module(x), module(x.flip(1)))
        assert same == (encoder == "bag")


def test_an_encoder_is_torchs():
    sizes = Sizes(8, 2, 2, 1.5, "gelu", 0.0, pre_norm=True)
    ours = Encoder(sizes).double()
    layer = nn.TransformerEncoderLayer(
        8, 2, 12, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    theirs = nn.TransformerEncoder(
        layer, 2, nn.LayerNorm(8, dtype=torch.float64), enable_nested_tensor=False
    )
    names = {"self_attn.in_proj_": "qkv.", "self_attn.out_proj": "out", "linear1": "into"}
    taken = {}
    for name in theirs.state_dict():
        mine = name.replace("linear2", "back")
        for old, new in names.items():
            mine = mine.replace(old, new)
        taken[name] = ours.state_dict()[mine]
    theirs.load_state_dict(taken)
    x = torch.randn(3, 5, 8, dtype=torch.float64)
    known = torch.arange(5) < torch.tensor([[5], [2], [3]])
    found, wanted = ours(x, known), theirs(x, src_key_padding_mask=~known)
    torch.testing.assert_close(found[known], wanted[known])


def test_a_second_direction_begins_at_the_last_token():
    known = torch.arange(4) < torch.tensor([[3], [1], [4]])
    assert turned(known).tolist() == [[2, 1, 0, 3], [0, 1, 2, 3], [3, 2, 1, 0]]


def test_positions():
    table = sinusoids(3, 5)
    assert table.shape == (3, 5)
    assert table[0].tolist() == [0, 1, 0, 1, 0]
    assert table[2, 2].item() == pytest.approx(np.sin(2 / 10_000 ** (2 / 5)), abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "wanted"), [("mean", [2.0, 1.0]), ("max", [3.0, 1.0]), ("last", [3.0, 1.0])]
)
def test_pooling(kind, wanted):
    x = torch.tensor([[[1.0], [2.0], [3.0], [9.0]], [[1.0], [9.0], [9.0], [9.0]]])
    known = torch.tensor([[True, True, True, False], [True, False, False, False]])
    assert Pooling(kind)(x, known).flatten().tolist() == wanted
    assert torch.equal(Pooling(kind)(x[:1, :3]), Pooling(kind)(x[:1], known[:1]))


@pytest.mark.parametrize("model", ["text", "transformer"])
def test_a_model_may_know_fewer_tokens_and_read_less(model):
    small = {"embedding": 8} if model == "text" else SMALL
    module = build(model, {**small, "vocabulary": 2, "length": 3}, TEXT).eval()
    vectors = next(m for m in module.modules() if isinstance(m, nn.Embedding))
    assert vectors.num_embeddings == FIRST + 2
    few = torch.tensor([[3, 4, 5, 6, 7, 8], [3, 4, 11, 0, 0, 0]])
    assert torch.equal(*module(few).unbind())
    everything = build(model, {**small, "vocabulary": 1000, "length": 1000}, TEXT)
    assert everything(few).shape == (2, 3)


CHANGES = [
    ("text", {"encoder": "bag"}),
    ("text", {"encoder": "lstm"}),
    ("text", {"encoder": {"name": "gru", "hidden": 5}}),
    ("text", {"encoder": {"name": "gru", "layers": 2}}),
    ("text", {"encoder": {"name": "gru", "bidirectional": False}}),
    ("text", {"encoder": {"name": "transformer", "positions": "learned"}}),
    ("text", {"embedding": 12}),
    ("text", {"vocabulary": 3}),
    ("text", {"length": 2}),
    ("text", {"dropout": 0.5}),
    ("text", {"pooling": "max"}),
    ("transformer", {"width": 16}),
    ("transformer", {"heads": 1}),
    ("transformer", {"layers": 2}),
    ("transformer", {"ratio": 3}),
    ("transformer", {"activation": "relu"}),
    ("transformer", {"pre_norm": False}),
    ("transformer", {"positions": "learned"}),
    ("transformer", {"dropout": 0.5}),
    ("transformer", {"pooling": "last"}),
    ("transformer", {"pooling": "cls"}),
]


@pytest.mark.parametrize(("model", "change"), CHANGES)
def test_every_knob_matters(model, change):
    small = {"embedding": 8} if model == "text" else SMALL
    info = TEXT if model == "text" else SEQUENCE
    outputs = []
    for config in (small, {**small, **change}):
        module = build(model, config, info)
        torch.manual_seed(0)
        outputs.append(module(examples(info)))
    assert not torch.allclose(*outputs)


BAD = [
    ("transformer", {"width": 10, "heads": 4}, "width: 10 is not a multiple of heads, 4"),
    ("transformer", {"pooling": "max"}, "pooling: 'max' is not allowed (mean, cls, last)"),
    ("transformer", {"ratio": 0}, "ratio: 0 is not allowed (a number > 0)"),
    ("text", {"encoder": "grru"}, "encoder: 'grru' is not an encoder"),
    ("text", {"encoder": {"name": "bag", "hidden": 3}}, "encoder.hidden: bag has no option"),
    ("text", {"encoder": {"name": "gru", "layers": 0}}, "encoder.layers: 0 is not allowed"),
    (
        "text",
        {"encoder": "transformer", "embedding": 30},
        "embedding: 30 is not a multiple of heads, 4",
    ),
    ("text", {"vocabulary": 0}, "vocabulary: 0 is not allowed (a whole number ≥ 1 or null)"),
]


@pytest.mark.parametrize(("model", "config", "line"), BAD)
def test_bad_values(model, config, line):
    with pytest.raises(ConfigError) as error:
        _checked(model, config)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def _checked(model, config):
    check(model, config)
    check_together(model, config)


def test_what_is_for_texts_alone():
    for info, words in ((TABLE, "a table"), (SEQUENCE, "sequences")):
        with pytest.raises(ConfigError, match=f"length: 5 is for text; the data are {words}"):
            check_data("transformer", {"length": 5}, info)
    check_data("transformer", {"length": 5}, TEXT)


def reviews(rows=300):
    rng = np.random.default_rng(0)
    words = np.array(["good", "bad", "the", "a", "film", "was"])
    texts = [" ".join(rng.choice(words, rng.integers(1, 7))) for _ in range(rows)]
    marks = [(text.count("good") - text.count("bad")) / len(text.split()) for text in texts]
    return texts, marks


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_training_saving_and_predicting(tmp_path, task):
    texts, marks = reviews()
    target = marks if task == "regression" else [mark > 0 for mark in marks]
    texts[0] = None
    frame = pd.DataFrame({"text": texts, "y": target})
    table = from_frame(frame, Columns("y", ids=("text",)), "t")
    rows, reading = read_as(table, ("text",), None, text=Text("text", length=6))
    made = prepare(rows, source="t", task=task, reading=reading)
    recipe = Recipe(model="text", prepared=made, epochs=8, threads=1)
    config = {"encoder": "bag", "embedding": 8, "dropout": 0, "lr": 0.05, "batch_size": 16}
    trial = open_trial(recipe, config, 0)
    trial.advance(8)
    trial.save(tmp_path / "trial")
    trained = TrainedModel.load(tmp_path / "trial", dataclasses.replace(recipe, prepared=None))
    told = trained.predict(["good good film", "bad bad film", None, ""])
    assert told[2] == told[3]
    assert (told[:2].tolist() == [True, False]) if task == "binary" else told[0] > 0 > told[1]
    name = "accuracy" if task == "binary" else "r2"
    assert trained.score(made.test, (name,))[name] > 0.8
    assert EMPTY in made.folds[0].preprocess.transform([None])

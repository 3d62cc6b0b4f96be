"""Which names a user's code could read, by its text alone."""

import pytest

from lanewise.trainables.user_code.mentions import (
    mentions_in,
    mentions_of,
    takes_whole,
    takes_whole_in,
)

NAMES = ("alpha", "beta")
OTHER = {"gamma": 1}


class Encoder:
    """Has delta in its docstring only."""

    kinds: int = 3

    def __init__(self, config):
        self.size = config["epsilon"]
        self.late = lambda: config.get("zeta")


def helper(options):
    return options["eta"], [options[name] for name in NAMES]


def build(config, info):
    """Says theta, and reads it not."""
    if config["kind"] == "encoder":
        return Encoder(config), helper(config)
    return [config[f"layer_{i}"] for i in range(config["n"])] + [config[f"wd{info}"]]


def test_all_that_a_function_can_come_to_counts():
    words = mentions_of(build)
    for name in ("kind", "epsilon", "zeta", "eta", "alpha", "beta", "layer_7", "wd4", "kinds"):
        assert name in words, name
    for name in ("theta", "gamma", "delta", "learning_rate", "width"):
        assert name not in words, name


def test_closures_partials_and_objects_count():
    from functools import partial

    names = ("iota",)

    def inner(config, info):
        return config[names[0]]

    class Callable:
        def __init__(self):
            self.key = "kappa"

        def __call__(self, config, info):
            return config[self.key]

    assert "iota" in mentions_of(inner)
    assert "iota" in mentions_of(partial(inner, info=None))
    assert "kappa" in mentions_of(Callable())
    assert "kappa" not in mentions_of(inner)


def test_a_file_and_what_it_imports_beside_it(tmp_path):
    (tmp_path / "my.py").write_text("import beside\ndef train(c, report): beside.go(c['a'])\n")
    (tmp_path / "beside.py").write_text('''"""Of d."""\ndef go(a):\n "e"\n return {"b": a}\n''')
    (tmp_path / "other.py").write_text("c = 1\n")
    words = mentions_in(tmp_path / "my.py")
    assert "a" in words
    assert "b" in words
    assert "d" not in words
    assert "e" not in words
    assert "c" not in mentions_in(tmp_path / "beside.py")


BY_NAME = [
    "return config['a'] + config.get('b', 1) + config.pop('c')",
    "return 'a' in config and config['a']",
    "def inner(): return config['a']\n    return inner()",
]
WHOLE = [
    "return dict(config)",
    "return go(**config)",
    "return go(config)",
    "cfg = config",
    "for name in config: pass",
    "return config[name]",
    "return config.get(name)",
    "return config.items()",
    "return locals()",
    "self.config = config",
    "return config | {}",
    "return json.dumps(config)",
]


@pytest.mark.parametrize("body", [*BY_NAME, *WHOLE])
def test_a_config_that_is_read_by_names_only(tmp_path, body):
    (tmp_path / "my.py").write_text(f"def train(config, report):\n    {body}\n")
    assert takes_whole_in(tmp_path / "my.py", "train") == (body in WHOLE)


def test_what_has_no_text_may_take_it_whole():
    assert takes_whole(eval("lambda config, report: 1"))
    assert not takes_whole(by_name)


def by_name(config, report):
    report(1, loss=config["x"])

"""No code comes in with data, nothing is swallowed, nothing is hidden in globals."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.architecture.scans import (
    Source,
    bare_excepts,
    calls_of,
    empty_hints,
    global_statements,
    snippet,
    sources,
    unsafe_loads,
    unverified_downloads,
)

PROGRAM = ("core", "pages", "app.py", "workbench.py")


def test_nothing_is_loaded_unsafely() -> None:
    assert [line for source in sources(*PROGRAM, "benchmarks") for line in unsafe_loads(source)] == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "def f():\n    import dill",
        "import joblib",
        "import torch\ntorch.load('x')",
        "import torch\ntorch.load('x', weights_only=False)",
        "import torch as t\nt.load('x', map_location='cpu')",
        "from torch import load\nload('x')",
        "import torch\nflag = True\ntorch.load('x', weights_only=flag)",
        "import torch\ntorch.hub.load('a', 'b')",
        "import yaml\nyaml.load('a', yaml.Loader)",
        "from yaml import unsafe_load\nunsafe_load('a')",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import numpy as np\nflag = True\nnp.load('x', allow_pickle=flag)",
        "import pandas as pd\npd.read_pickle('x')",
        "eval('1')",
        "exec('1')",
        "import os\nos.system('ls')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import transformers\ntransformers.AutoModel.from_pretrained('x', trust_remote_code=True)",
    ],
)
def test_an_unsafe_load_is_found(text: str) -> None:
    assert unsafe_loads(snippet(text))


@pytest.mark.parametrize(
    "text",
    [
        "import torch\ntorch.load('x', weights_only=True)",
        "import yaml\nyaml.safe_load('a')",
        "import numpy as np\nnp.load('x')\nnp.load('x', allow_pickle=False)",
        "model.eval()",
        "import json\njson.load(f)",
        "import subprocess\nsubprocess.run(['ls'])",
        "'import pickle'",
    ],
)
def test_a_safe_load_is_left_alone(text: str) -> None:
    assert unsafe_loads(snippet(text)) == []


@pytest.mark.parametrize(
    "scan",
    [lambda s: calls_of(s, "print"), bare_excepts, global_statements, empty_hints, unverified_downloads],
    ids=["print", "bare except", "global", "empty hint", "pretrained download"],
)
def test_none_of_these(scan: Callable[[Source], list[str]]) -> None:
    assert [line for source in sources(*PROGRAM) for line in scan(source)] == []


@pytest.mark.parametrize(
    ("scan", "offender", "fine"),
    [
        (lambda s: calls_of(s, "print"), "def f():\n    print(1)", "log.info('print()')\nconsole.print(1)"),
        (bare_excepts, "try:\n    f()\nexcept:\n    pass", "try:\n    f()\nexcept OSError:\n    pass"),
        (global_statements, "def f():\n    global x\n    x = 1", "x = 1"),
        (empty_hints, "raise ConfigError('a', hint=' ')", "raise ConfigError('a', hint='b')"),
        (unverified_downloads, "timm.create_model('x', pretrained=True)", "timm.create_model('x', pretrained=False)"),
    ],
    ids=["print", "bare except", "global", "empty hint", "pretrained download"],
)
def test_each_search_finds_its_offender(scan: Callable[[Source], list[str]], offender: str, fine: str) -> None:
    assert len(scan(snippet(offender))) == 1
    assert scan(snippet(fine)) == []


def test_tests_swallow_nothing() -> None:
    assert [line for source in sources("tests", "benchmarks") for line in bare_excepts(source)] == []

"""The command line over a pipeline that is stood in for: lines, exit codes, progress, and how it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core import logs
from core.cli import main
from core.errors import DamagedMediaError, InternalError
from core.settings import ROOT, Settings
from core.store.history import Store
from core.types import Analysis, Label, Progress, Stage
from tests.unit.store_samples import make_analysis, renamed


@pytest.fixture(autouse=True)
def logs_of_their_own() -> Iterator[None]:
    yield
    logs.reset()


@dataclass
class Pipeline:
    """Stands in for core.pipeline; answers by file name."""

    answers: dict[str, Any] = field(default_factory=dict)
    settings: list[Settings] = field(default_factory=list)

    def analyse(
        self, source: Path, settings: Settings, on_progress: Callable[[Progress], None] | None = None
    ) -> Analysis:
        self.settings.append(settings)
        assert on_progress is not None
        for stage, fraction in ((Stage.READING, 0.1), (Stage.READING, 0.2), (Stage.VERDICT, 1.0)):
            on_progress(Progress(stage, fraction))
        answer = self.answers.get(source.name, make_analysis(source.name))
        if isinstance(answer, BaseException):
            raise answer
        return renamed(answer, source.name)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pipeline:
    stand_in = Pipeline()
    monkeypatch.setitem(sys.modules, "core.pipeline", SimpleNamespace(analyse=stand_in.analyse))
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path / "data"))
    preset = SimpleNamespace(limits=make_analysis().verdict.thresholds)
    monkeypatch.setattr("core.registry.ensemble", lambda name: _known(name, preset))
    return stand_in


def _known(name: str, preset: Any) -> Any:
    from core.errors import NotFoundError

    if name != "default":
        raise NotFoundError(f"There is no preset called '{name}'.", hint="There are: default.")
    return preset


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


DAMAGED = DamagedMediaError("It cannot be decoded.", hint="Try another copy.")


def test_one_line_a_file_in_order(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", "a.mp4", "b.png"]) == 0
    first, second = _lines(capsys.readouterr().out)
    assert (first["path"], second["path"]) == ("a.mp4", "b.png")
    assert set(first) == {
        "path", "status", "kind", "sha256", "id", "preset", "verdict", "scores", "people", "warnings", "timings",
    }  # fmt: skip
    assert first["status"] == "ok"
    assert first["verdict"]["label"] == "fake"
    assert first["verdict"]["p_fake"] == 0.9
    assert [s["status"] for s in first["scores"]] == ["ok", "unavailable"]
    assert first["timings"] == [{"stage": "reading", "seconds": 0.25}]


def test_a_failing_file_has_a_line_and_the_rest_goes_on(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.answers = {"b": DAMAGED, "c": InternalError("Fault.", hint="Report it.")}
    assert main(["analyse", "a", "b", "c", "d"]) == 1
    captured = capsys.readouterr()
    a, b, c, d = _lines(captured.out)
    assert [row["status"] for row in (a, b, c, d)] == ["ok", "error", "error", "ok"]
    assert b == {
        "path": "b",
        "status": "error",
        "error": {"code": "damaged_media", "message": "It cannot be decoded.", "hint": "Try another copy."},
    }
    assert c["error"]["code"] == "internal"
    assert "[2/4] b: It cannot be decoded. Try another copy." in captured.err


def test_a_result_that_cannot_be_written_is_an_error_line(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.answers = {"a": make_analysis(p_fake=float("nan"))}
    assert main(["analyse", "a"]) == 1
    assert _lines(capsys.readouterr().out)[0]["error"]["code"] == "internal"


def test_lines_go_to_a_file_and_progress_to_standard_error(
    pipeline: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("old\n")
    assert main(["analyse", "a", "b", "--json", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(_lines(out.read_text())) == 2
    assert captured.err.splitlines()[:3] == [
        "[1/2] a: reading",
        "[1/2] a: final classification",
        "[1/2] a: Looks fake, P(fake) 90%",
    ]


def test_quiet_says_nothing(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", "-q", "a"]) == 0
    assert capsys.readouterr().err == ""


def test_full_puts_the_whole_analysis_on_the_line(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    from core import schema

    main(["analyse", "a", "--full"])
    (row,) = _lines(capsys.readouterr().out)
    assert schema.load(json.dumps(row["analysis"])) == renamed(make_analysis("a"), "a")


@pytest.mark.parametrize(
    ("arguments", "label"),
    [
        (["--threshold-fake", "0.95"], "uncertain"),
        (["--threshold-fake", "0.95", "--threshold-real", "0.92"], "real"),
        (["--threshold-fake", "0.9"], "fake"),
        (["--threshold-real", "0.1"], "fake"),
        ([], "fake"),
    ],
)
def test_thresholds_relabel(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], arguments: list[str], label: str
) -> None:
    assert main(["analyse", "a", *arguments]) == 0
    assert _lines(capsys.readouterr().out)[0]["verdict"]["label"] == label


def test_settings_come_from_the_arguments(pipeline: Pipeline) -> None:
    main(["analyse", "a"])
    main(["analyse", "a", "--preset", "default", "--device", "cpu", "--no-cache"])
    plain, asked = pipeline.settings
    assert plain.cache.enabled
    assert (asked.preset, asked.runtime.device, asked.cache.enabled) == ("default", "cpu", False)
    assert asked.runtime.batch == plain.runtime.batch


def test_record_keeps_the_analysis_as_it_was_labelled(pipeline: Pipeline, tmp_path: Path) -> None:
    assert main(["analyse", "a", "b", "--record", "--threshold-fake", "0.99"]) == 0
    store = Store(tmp_path / "data" / "history.sqlite3")
    assert [(e.name, e.origin, e.label) for e in store.entries()] == [
        ("b", "cli", Label.UNCERTAIN),
        ("a", "cli", Label.UNCERTAIN),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "nonsense"], "no preset called 'nonsense'"),
        (["--device", "toaster"], "setting 'runtime.device'"),
        (["--threshold-fake", "0.1"], "threshold for real (0.3) is above"),
    ],
)
def test_wrong_values_stop_before_the_first_file(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["analyse", "a", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert pipeline.settings == []


@pytest.mark.parametrize("arguments", [["analyse"], [], ["nonsense"], ["analyse", "a", "--threshold-fake", "2"]])
def test_wrong_usage_exits_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_stops_before_the_first_file(
    pipeline: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyse", "a", "--json", str(tmp_path / "none" / "out.jsonl")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert pipeline.settings == []


def test_an_input_is_never_overwritten(pipeline: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    medium = tmp_path / "a.mp4"
    medium.write_text("precious")
    assert main(["analyse", str(medium), "--json", str(tmp_path / "." / "a.mp4")]) == 2
    assert medium.read_text() == "precious"
    assert "one of the files to analyse" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mred", "ünï 🙂", "-q", "a\udcffb", "x" * 300])
def test_hostile_names_stay_one_line_and_steer_nothing(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["analyse", "--", name]) == 0
    captured = capsys.readouterr()
    (row,) = _lines(captured.out)
    assert row["path"] == name
    assert "\x1b" not in captured.err
    assert len(captured.err.splitlines()) == 3


def test_ctrl_c_keeps_the_lines_already_written(
    pipeline: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.answers = {"c": KeyboardInterrupt()}
    out = tmp_path / "out.jsonl"
    assert main(["analyse", "a", "b", "c", "d", "--json", str(out)]) == 130
    assert [row["path"] for row in _lines(out.read_text())] == ["a", "b"]
    assert "2 of 4 files are written" in capsys.readouterr().err


_SLOW = """
import sys, time, types
from tests.unit.store_samples import make_analysis
def analyse(source, settings, on_progress=None):
    if source.name == "slow":
        time.sleep(60)
    return make_analysis(source.name)
sys.modules["core.pipeline"] = types.SimpleNamespace(analyse=analyse)
from core import logs
from core.cli import main
sys.exit(main(["analyse", *sys.argv[1:]]))
"""


def _start(tmp_path: Path, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    env = {**os.environ, "UNMASK_DATA_DIR": str(tmp_path / "data"), "UNMASK_PRESET": "default"}
    # Whoever was started in the background of a shell ignores the signal, and so would its children.
    listens = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen([sys.executable, "-c", _SLOW, *arguments], cwd=ROOT, env=env, preexec_fn=listens, **options)


def test_a_real_ctrl_c_keeps_the_lines_and_shows_no_traceback(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    process = _start(tmp_path, "a", "slow", "--json", str(out), stderr=subprocess.PIPE)
    for _ in range(600):
        if out.exists() and out.read_text():
            break
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert [row["path"] for row in _lines(out.read_text())] == ["a"]
    assert b"Traceback" not in err


def test_a_closed_pipe_ends_it_without_a_traceback(tmp_path: Path) -> None:
    files = [f"f{i}" for i in range(200)]
    process = _start(tmp_path, "-q", *files, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 1
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err


def test_help_comes_without_the_heavy_libraries() -> None:
    code = (
        "import sys, core.cli\ntry:\n    core.cli.main(['analyse', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'cv2', 'av', 'librosa', 'sqlalchemy', 'pandas', 'pydantic', 'numpy'} & set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--threshold-fake" in done.stdout


def test_the_schema_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from core.schema import schema_text

    assert main(["schema"]) == 0
    assert capsys.readouterr().out == schema_text()
    assert main(["schema", "--out", str(tmp_path / "s.json")]) == 0
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == schema_text()
    assert main(["schema", "--out", str(tmp_path / "none" / "s.json")]) == 1

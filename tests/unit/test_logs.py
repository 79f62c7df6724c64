"""Log lines are JSON and carry one id through a request."""

from __future__ import annotations

import contextvars
import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core import logs

LOG = logging.getLogger("core.anything")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    text = io.StringIO()
    logs.configure(stream=text)
    yield text
    logs.reset()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_holds_message_and_extras(stream: io.StringIO) -> None:
    LOG.info("stage %s done", "x", extra={"seconds": 0.5, "stage": "reading", "_of_a_library": 1})
    (line,) = _lines(stream)
    assert line["message"] == "stage x done"
    assert (line["level"], line["logger"], line["seconds"], line["stage"]) == ("INFO", "core.anything", 0.5, "reading")
    assert line["time"].endswith("+00:00")
    assert set(line) == {"time", "level", "logger", "message", "seconds", "stage"}


def test_extras_cannot_overwrite_the_facts_and_need_not_be_json(stream: io.StringIO) -> None:
    LOG.info("m", extra={"level": "fake", "thing": {1, 2}})
    (line,) = _lines(stream)
    assert line["level"] == "INFO"
    assert isinstance(line["thing"], str)


def test_a_fault_is_one_line_with_its_traceback(stream: io.StringIO) -> None:
    try:
        raise KeyError("lost\nline")
    except KeyError:
        LOG.exception("failed\nbadly \udcff")
    (line,) = _lines(stream)
    assert "KeyError" in line["error"]
    assert line["message"] == "failed\nbadly \udcff"


def test_one_id_through_a_request_and_none_outside(stream: io.StringIO) -> None:
    with logs.bound() as first:
        LOG.info("a")
        with logs.bound("inner"):
            LOG.info("b")
        LOG.info("c")
        assert logs.current() == first
    LOG.info("d")
    assert [line.get("request") for line in _lines(stream)] == [first, "inner", first, None]


def test_a_thread_in_the_copied_context_keeps_the_id(stream: io.StringIO) -> None:
    with logs.bound("r"):
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(LOG.info, "inside"))
        thread.start()
        thread.join()
    assert _lines(stream)[0]["request"] == "r"


def test_configuring_again_does_not_double_the_lines(stream: io.StringIO) -> None:
    logs.configure(stream=stream)
    LOG.info("once")
    assert len(_lines(stream)) == 1


def test_the_level_is_kept(stream: io.StringIO) -> None:
    logs.configure("WARNING", stream)
    LOG.info("quiet")
    LOG.warning("loud")
    assert [line["message"] for line in _lines(stream)] == ["loud"]


def test_standard_error_is_looked_up_when_something_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    try:
        LOG.error("seen")
    finally:
        logs.reset()
    assert json.loads(capsys.readouterr().err)["message"] == "seen"
    LOG.error("not seen")
    assert capsys.readouterr().err == ""

"""Fixtures for all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from core import logs
from tests.media import Samples

os.environ.setdefault("UNMASK_RUNTIME__BACKEND", "torch")  # trying the others takes seconds in every fresh folder


@pytest.fixture(scope="session")
def media_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for synthetic media that lives as long as the session."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
def samples(media_dir: Path) -> Samples:
    """Synthetic media by writer and name, each written once a session. Do not change the files."""
    return Samples(media_dir)


@pytest.fixture(autouse=True)
def own_main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit puts its page in the place of the main module; a process spawned later would run that page."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """A command that a test ran decides what is logged; the next test begins anew."""
    yield
    logs.reset()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hostile names end up in captured logs; between the processes of a run only valid text can be sent."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "replace").decode()) for name, text in report.sections]
    return report

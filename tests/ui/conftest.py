"""Both front ends as real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ui.servers import Server, free_port, serving


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory) -> Iterator[Server]:
    """The Gradio demo, started as a user starts it."""
    port = free_port()
    folder = tmp_path_factory.mktemp("demo")
    where = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "OMP_NUM_THREADS": "1"}
    with serving(["app.py"], port, folder, where) as server:
        yield server
    assert server.faults() == []


@pytest.fixture(scope="session")
def workbench_server(tmp_path_factory) -> Iterator[Server]:
    """The Streamlit workbench, started as a user starts it."""
    port = free_port()
    folder = tmp_path_factory.mktemp("workbench")
    arguments = ["-m", "streamlit", "run", "workbench.py", "--server.port", str(port), "--server.headless", "true"]
    with serving(arguments, port, folder, {"OMP_NUM_THREADS": "1"}) as server:
        yield server
    assert server.faults() == []

"""The analyst workbench: ``python -m streamlit run workbench.py``.

The script that draws the pages lies in a folder of its own: beside a folder called ``pages``, Streamlit takes a link
to a view for one that does not exist, until the first view was drawn.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

from core import logs
from pages.engine import load_analyse
from pages.workbench.common import last_resort


@asynccontextmanager
async def _prepared(_app: st.App) -> AsyncIterator[None]:
    """Load the views before the first visitor comes, and the networks' library while that visitor looks around."""
    logs.configure()
    await asyncio.to_thread(importlib.import_module, "pages.workbench.main")
    loading = asyncio.create_task(asyncio.to_thread(load_analyse))
    yield
    loading.cancel()


app = st.App(
    Path(__file__).with_name("pages") / "workbench" / "main.py", lifespan=_prepared, on_script_error=last_resort
)

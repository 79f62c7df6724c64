"""The analyst workbench: ``python -m streamlit run workbench.py``.

The script that draws the pages lies in a folder of its own: beside a folder called ``pages``, Streamlit takes a link
to a view for one that does not exist, until the first view was drawn.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

from core import logs
from core.errors import WorkbenchError
from core.settings import get_settings
from core.store.history import shared_store
from core.store.retention import sweep
from pages.engine import load_analyse
from pages.workbench.common import last_resort

log = logging.getLogger(__name__)

_HOUR_S = 3600.0


@asynccontextmanager
async def _prepared(_app: st.App) -> AsyncIterator[None]:
    """Load the views before the first visitor comes, and the networks' library while that visitor looks around."""
    logs.configure()
    await asyncio.to_thread(importlib.import_module, "pages.workbench.main")
    loading = asyncio.create_task(asyncio.to_thread(load_analyse))
    forgetting = asyncio.create_task(_forget())
    yield
    loading.cancel()
    forgetting.cancel()


async def _forget() -> None:
    """Delete what is older than the user wants it kept, at the start and every hour."""
    while True:
        try:
            await asyncio.to_thread(lambda: sweep(get_settings(), shared_store(get_settings())))
        except WorkbenchError as error:
            log.warning("old analyses were not deleted: %s", error.message)
        await asyncio.sleep(_HOUR_S)


app = st.App(
    Path(__file__).with_name("pages") / "workbench" / "main.py", lifespan=_prepared, on_script_error=last_resort
)

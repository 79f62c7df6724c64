"""Adding a folder of labelled media to those that detectors are trained, calibrated and measured on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import streamlit as st

from core.commands.common import data_root
from core.errors import ConfigError
from core.training.data.adding import Labelled, check
from core.training.data.manifest import Split
from pages.workbench.common import guarded

_SPLITS = {"train": "Training (real only)", "calib": "Calibration", "test": "Measuring"}


def own_media(start: Callable[[str, Sequence[str]], object]) -> None:
    """The form. ``start`` runs a command as a task of its title."""
    with st.form("own-media", border=True):
        st.text_input("Folder to add", key="own-folder", help="A path on this machine; folders in it count as well.")
        with st.container(horizontal=True):
            st.segmented_control("They are", ("real", "fake"), key="own-label", default="real", required=True)
            st.selectbox("For", list(_SPLITS), format_func=_SPLITS.__getitem__, key="own-split", width=220)
        with st.container(horizontal=True):
            st.text_input("Source", key="own-source", help="A short name of where they come from, such as own-phone.")
            st.text_input("Person", key="own-identity", help="Who all of them show. Empty: the names of files tell.")
            st.text_input("Method", key="own-method", help="How fakes were made. Empty for real ones.")
        st.text_input("Licence", key="own-licence", help="Licence or permission under which they are used.")
        if st.form_submit_button("Add the folder"):
            with guarded():  # told here: the head of the page is out of sight on a phone
                _add(start)
    st.caption(
        "Files are copied into the data folder named above and listed in its manifest.csv. A file counts once, with "
        "one label and one split, and no person may be in two splits. Detectors learn from real media and fakes made "
        "from them, so fakes serve calibration and measuring."
    )


def _add(start: Callable[[str, Sequence[str]], object]) -> None:
    """Refuse at once what cannot be; the copying and hashing is a task."""
    given = {name: str(st.session_state.get(f"own-{name}") or "").strip() for name in
             ("folder", "label", "split", "source", "identity", "method", "licence")}  # fmt: skip
    if not given["folder"]:
        raise ConfigError("The folder to add is missing.", hint="Give the path of a folder on this machine.")
    root = data_root(st.session_state.get("tune-data"))
    if not root.is_dir():
        raise ConfigError(
            f"There is no folder {root.resolve()} with the training's media.",
            hint="Name it above, or make it: an empty folder will do.",
        )
    split = cast(Split, given["split"])
    said = Labelled(
        Path(given["folder"]), given["label"] == "fake", given["source"], given["licence"], given["identity"],
        given["method"], split,
    )  # fmt: skip
    check(root, said)
    named = ("label", "split", "source", "licence", "identity", "method")
    options = [part for name in named if given[name] for part in (f"--{name}", given[name])]
    start(f"Add {said.folder.name}", ["data", "add", str(said.folder.resolve()), *options, "--data", str(root)])

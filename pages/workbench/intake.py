"""From a file in the browser to an analysis in the history: keep first, analyse then."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import streamlit as st

from core.errors import StorageError
from core.logs import bound
from core.media.guard import clean_name
from core.registry import ensemble, ensemble_ids
from core.weights.roster import fusion_words, headline, roster
from pages.engine import load_analyse
from pages.workbench.common import escape, settings, store, uploads
from pages.workbench.jobs import Jobs, Report
from pages.workbench.waiting import Upload, Waiting

MEGABYTE = 1 << 20


class NamedBytes(Protocol):
    """What Streamlit's uploader hands over."""

    name: str

    def getbuffer(self) -> memoryview: ...


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The one queue of analyses of this server."""
    return Jobs(_analyse, waiting().all())


def waiting() -> Waiting:
    return Waiting(settings())


def take_in(files: Iterable[NamedBytes], preset: str) -> None:
    """Keep uploads on disk and queue them.

    Raises:
        StorageError: one cannot be kept; those before it are kept and queued.
    """
    for file in files:
        with tempfile.TemporaryDirectory(prefix="unmask-") as folder:
            part = Path(folder) / f"upload{Path(file.name).suffix}"
            data = file.getbuffer()
            part.write_bytes(data)
            _enqueue(part, hashlib.sha256(data).hexdigest(), file.name, preset)


def take_file(path: Path, preset: str) -> None:
    """Queue a file of this machine, such as an example.

    Raises:
        StorageError: it cannot be kept.
    """
    with path.open("rb") as data:
        sha256 = hashlib.file_digest(data, "sha256").hexdigest()
    _enqueue(path, sha256, path.name, preset)


def take_kept(sha256: str, name: str, presets: Iterable[str]) -> bool:
    """Queue a file that is kept here already for several presets; False where it is not kept any more."""
    path = uploads().path_of(sha256)
    if path is None:
        return False
    for preset in presets:
        _enqueue(path, sha256, name, preset)
    return True


def remove(upload: Upload) -> None:
    """Forget an upload that was not analysed, and its file unless an analysis refers to it."""
    waiting().remove(upload.sha256)
    if not store().count(text=upload.sha256):
        uploads().remove(upload.sha256)


def uploader(place: str, preset: str, label: str) -> None:
    """A field for one or several files. They are taken in once and leave the field, so that nothing is read twice."""
    turn = f"uploader-{place}"
    number = st.session_state.setdefault(turn, 0)
    files = st.file_uploader(
        label,
        accept_multiple_files=True,
        key=f"{turn}-{number}",
        max_upload_size=max(1, settings().limits.max_bytes // MEGABYTE),
        help="Pictures, video and sound. What a file is, is decided by its content, not by its name.",
    )
    if files:
        st.session_state[turn] = number + 1
        take_in(files, preset)
        st.rerun()


def preset_box(place: str) -> str:
    """Which preset analyses new files."""
    names = ensemble_ids()
    first = names.index(settings().preset) if settings().preset in names else 0
    chosen = st.selectbox(
        "Preset",
        names,
        index=first,
        format_func=lambda name: ensemble(name).title,
        key=f"preset-{place}",
        help="Which models look at the file, and how their answers are put together.",
    )
    _members(chosen)
    return chosen


def _members(preset: str) -> None:
    """Who is in a preset, who of them is here, and how to get the others."""
    seats = roster(ensemble(preset), settings())
    with st.expander(escape(headline(seats))):
        st.caption(escape(ensemble(preset).summary))
        for seat in seats:
            mark = ":material/check_circle:" if seat.here else ":material/radio_button_unchecked:"
            about = ", ".join(part for part in (seat.looks_at, seat.state) if part)
            st.markdown(f"{mark} **{escape(seat.title)}** · {escape(about)}")
            if seat.command:
                st.code(seat.command, language="shell", wrap_lines=True)
        st.caption(escape(fusion_words(ensemble(preset))))


def _enqueue(path: Path, sha256: str, name: str, preset: str) -> None:
    upload = Upload(sha256, clean_name(name), preset)
    queue = jobs()  # before the note is written, or a new queue would take it for one left over
    uploads().keep(path, sha256)
    waiting().add(upload)
    queue.start(upload)


def _analyse(upload: Upload, report: Report) -> str:
    """Runs in the background, without a session."""
    path = uploads().path_of(upload.sha256)
    if path is None:
        raise StorageError("The upload is no longer kept here.", hint="Upload the file again.")
    with bound():
        chosen = settings().model_copy(update={"preset": upload.preset})
        analysis = load_analyse()(path, chosen, report, name=upload.name)
        store().record(analysis, origin="workbench")
    waiting().remove(upload.sha256)
    return analysis.id

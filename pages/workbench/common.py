"""What all views share: settings, store, reviewer, style, and how failures are told."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Literal, ParamSpec

import streamlit as st
from PIL import Image, ImageDraw

from core.errors import WorkbenchError
from core.figures import Theme
from core.figures.style import PALETTES
from core.settings import Settings, get_settings
from core.store.history import Store, shared_store
from core.store.uploads import Uploads
from core.types import Label
from pages.workbench.jobs import only_workbench_errors

P = ParamSpec("P")

DEFAULT_REVIEWER = "analyst"

LABEL_COLOURS: Mapping[Label, Literal["orange", "blue", "violet", "gray"]] = MappingProxyType(
    {Label.FAKE: "orange", Label.REAL: "blue", Label.UNCERTAIN: "violet", Label.NOT_APPLICABLE: "gray"}
)
"""Names of Streamlit's colours; the theme gives them the values that the figures use."""

_FAILURE = "failure"
_REVIEWER = "reviewer"
_NAME_LENGTH = 60
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&@/^=])")
_STYLE = Path(__file__).with_name("style.css")


def settings() -> Settings:
    return get_settings()


def store() -> Store:
    return shared_store(settings())


def uploads() -> Uploads:
    return Uploads(settings())


def theme() -> Theme:
    """The page's background."""
    return "dark" if st.context.theme.type == "dark" else "light"


def reviewer() -> str:
    """The name under which labels and reviews are kept; never empty."""
    return str(st.session_state.get(_REVIEWER, "")).strip() or DEFAULT_REVIEWER


def remember_reviewer() -> None:
    """Keep the name in the address, so that a page that is loaded again does not label as someone else."""
    if _REVIEWER not in st.session_state:
        st.session_state[_REVIEWER] = st.query_params.get(_REVIEWER, "")[:_NAME_LENGTH]
    if reviewer() != DEFAULT_REVIEWER:
        st.query_params[_REVIEWER] = reviewer()
    else:
        st.query_params.pop(_REVIEWER, None)


def fresh_key(field: str) -> str:
    """The key of a field, until :func:`used` is called for it.

    A browser that shows a field again under an old key sends its old content as if it were new. So a field never
    returns under the key under which it was last used.
    """
    return f"{field}-{st.session_state.setdefault(f'uses-{field}', 0)}"


def used(field: str) -> None:
    """The field was written in or clicked: it gets another key."""
    st.session_state[f"uses-{field}"] = st.session_state.get(f"uses-{field}", 0) + 1


def reviewer_box() -> None:
    """Where the reviewer's name is written."""
    key = fresh_key("reviewer-box")

    def changed() -> None:
        st.session_state[_REVIEWER] = st.session_state[key]
        used("reviewer-box")

    st.text_input(
        "Reviewer",
        value=reviewer(),
        key=key,
        on_change=changed,
        max_chars=_NAME_LENGTH,
        help="Labels and reviews are kept under this name.",
    )


def apply_style() -> None:
    st.html(_STYLE)


def icon() -> Image.Image:
    """The page's icon: a disc, one half real, one half fake."""
    size = 64
    picture = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(picture)
    for start, colour in ((90, PALETTES["light"].real), (270, PALETTES["light"].fake)):
        draw.pieslice((4, 4, size - 5, size - 5), start, start + 180, fill=colour)
    return picture


def escape(text: str) -> str:
    """Text that was not written by this program, so that Markdown shows it as it is: no links, no pictures."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def bullets(lines: Iterable[str]) -> str:
    """A list in Markdown of text that was not written by this program."""
    return "\n".join(f"- {escape(line)}" for line in lines)


def error_card(error: WorkbenchError, title: str = "") -> None:
    """The message and what to do about it."""
    head = f"**{escape(title)}** · " if title else ""
    st.error(f"{head}**{escape(error.message)}**  \n{escape(error.hint)}", icon=":material/error:")


@contextmanager
def guarded() -> Iterator[None]:
    """Show any failure inside as message and hint, never as a traceback."""
    try:
        with only_workbench_errors():
            yield
    except WorkbenchError as error:
        error_card(error)


def last_resort(exc: Exception) -> bool:
    """Show what no view caught; True tells Streamlit that it was shown."""
    try:
        with only_workbench_errors():
            raise exc
    except WorkbenchError as error:
        error_card(error)
    return True


def view(draw: Callable[[], None]) -> Callable[[], None]:
    """A page: shows what failed in a callback before it, and its own failures."""

    @functools.wraps(draw)
    def show() -> None:
        failure = st.session_state.pop(_FAILURE, None)
        if failure is not None:
            error_card(failure)
        with guarded():
            draw()

    return show


def action(callback: Callable[P, None]) -> Callable[P, None]:
    """A widget callback whose failure is shown when the page is drawn next."""

    @functools.wraps(callback)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with only_workbench_errors():
                callback(*args, **kwargs)
        except WorkbenchError as error:
            st.session_state[_FAILURE] = error

    return run

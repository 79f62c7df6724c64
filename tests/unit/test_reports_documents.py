"""Reports for people: PDF and HTML say the same, equal input gives equal bytes, names cannot do harm."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pypdfium2
import pytest

from core.facts import Credentials, Provenance
from core.reports.content import LIMITS, Item, Picture, sections, summary
from core.reports.page import to_html_page
from core.reports.pdf import shown, to_pdf
from core.reports.plots import plain, plot
from core.store.feedback import Label, Truth
from core.types import Analysis, Environment
from core.types import Label as ModelLabel
from tests import analyses
from tests.media import HOSTILE_NAMES, head

NAME = 'a"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;<b>{{7*7}}</b>.mp4'


def named(name: str, base: Analysis) -> Analysis:
    return replace(base, media=replace(base.media, name=name))


def full() -> Item:
    """Everything that a report can hold."""
    clip = analyses.clip()
    shipped = analyses.score("face-lite", 0.4, 1, weights_sha256="e" * 64)
    told = Provenance(Credentials("changed or not valid", "Some maker"), (("Camera", "X1"),), ("Note.",), ("0f" * 8,))
    made = Environment("0.1.0", "3.11.2", "2.7", "cpu")
    said = Label(1, clip.id, clip.media.sha256, "ann", Truth.FAKE, True, "<i>lips</i>", (), False, 0.8,
                 ModelLabel.FAKE, "2026-01-03T00:00:00")  # fmt: skip
    analysis = replace(clip, scores=(*clip.scores, shipped), provenance=told, environment=made)
    return Item(analysis, (said,), (Picture(head(96), "Layer-CAM of <b>Face lite</b>"),))


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return " ".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def flat(text: str) -> str:
    return re.sub(r"\s+", "", text)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_both_documents_say_all_that_matters() -> None:
    item = full()
    pdf, page = flat(text_of(to_pdf(item))), flat("".join(Tags(to_html_page(item)).words))
    wanted = ["Looks fake", "81%", "71% to 89%", "raw score, not calibrated", "Person 2", "best when shifted by 40 ms",
              "its weights are not on this machine", "b" * 64, "e" * 64, "Licence of the weights", "Trained on",
              "Some maker", "changed after it was signed", "0f" * 8, "2026-01-02T03:04:05", "ann", "<i>lips</i>",
              "PyTorch 2.7", "a" * 64, "Layer-CAM of <b>Face lite</b>", *LIMITS]  # fmt: skip
    for words in wanted:
        assert flat(words) in pdf, words
        assert flat(words) in page, words


def test_a_session_begins_with_an_overview() -> None:
    items = [full(), Item(analyses.picture()), Item(analyses.landscape())]
    for text in (text_of(to_pdf(items)), "".join(Tags(to_html_page(items)).words)):
        assert flat("3 files: 1 fake, 1 real, 1 not applicable.") in flat(text)
        assert flat("fake (ann)") in flat(text) and "portrait.png" in flat(text)


def test_equal_analyses_give_equal_bytes() -> None:
    assert to_pdf(full()) == to_pdf(full())
    assert to_html_page(full()) == to_html_page(full())
    assert to_pdf(full()) != to_pdf(Item(replace(full().analysis, created_at="2027-01-01T00:00:00+00:00")))


def test_a_name_cannot_become_markup() -> None:
    page = to_html_page([Item(named(NAME, analyses.clip())), Item(named(NAME, analyses.picture()))])
    clean = Tags(to_html_page([Item(analyses.clip()), Item(analyses.picture())]))
    parsed = Tags(page)
    assert [tag for tag, _ in parsed.seen] == [tag for tag, _ in clean.seen]
    assert not any("onerror" in attrs for _, attrs in parsed.seen)
    assert flat(NAME) in flat(text_of(to_pdf(Item(named(NAME, analyses.clip())))))


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_are_printed_as_text(name: str) -> None:
    item = Item(named(name, analyses.landscape()))
    page = to_html_page(item)
    page.encode("utf-8")
    assert "\u202e" not in page and "\x00" not in page and "<script>alert" not in page
    assert to_pdf(item).startswith(b"%PDF")


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = to_html_page(full())
    links = [attrs.get(name) for _, attrs in Tags(page).seen for name in ("src", "href")]
    assert all(link is None or link.startswith("data:") for link in links)
    assert "default-src 'none'" in page
    assert page.count("plotly.js v") == 1


def test_characters_without_a_sign_keep_their_code() -> None:
    assert shown("пример é") == "пример é"
    assert shown("写\u202ea\n") == "\\u5199\\u202ea\\u000a"


@pytest.mark.parametrize("name", ["verdict", "consensus", "timeline", "sync"])
def test_plots_are_drawn(name: str) -> None:
    hostile = replace(full().analysis, scores=(analyses.score(title="$\\frac{a}{$"), *full().analysis.scores))
    assert plot(hostile, name).startswith(b"\x89PNG")  # type: ignore[arg-type]
    assert "$" not in plain("a$b").replace(r"\$", "")


def test_what_is_not_there_has_no_section() -> None:
    titles = {section.title for section in sections(Item(analyses.landscape()))}
    assert not titles & {"Over time", "Sound and lips", "Faces and their quality", "What people said"}
    assert "Limits" in titles and "Could not be judged" in titles
    assert summary([full()]).grid is not None
    for make in (to_pdf, to_html_page):
        with pytest.raises(ValueError, match="at least one"):
            make([])

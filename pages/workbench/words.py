"""Words for judgements on the pages of a review."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from core import wording
from core.review import Judgement
from core.types import Analysis, Label

WORDS: Mapping[Judgement, str] = MappingProxyType(
    {Judgement.AUTHENTIC: "authentic", Judgement.FAKE: "fake", Judgement.UNSURE: "unsure"}
)
SIDES: Mapping[Judgement, Label] = MappingProxyType({Judgement.AUTHENTIC: Label.REAL, Judgement.FAKE: Label.FAKE})
"""The verdict that a judgement stands for; "unsure" for none."""


def models_say(analysis: Analysis) -> str:
    """The verdict with its figure."""
    verdict = analysis.verdict
    number = f", P(fake) {wording.percent(verdict.p_fake)}" if verdict.p_fake is not None else ""
    return wording.VERDICT_TITLES[verdict.label] + number

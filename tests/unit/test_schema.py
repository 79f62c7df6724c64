"""Canonical JSON of an analysis."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import schema
from core.errors import InternalError, StorageError
from core.settings import ROOT
from core.types import Label, MediaKind, Thresholds, Timeline
from tests.unit.store_samples import make_analysis, renamed


def test_what_is_dumped_comes_back_equal() -> None:
    analysis = make_analysis()
    assert schema.load(schema.dump(analysis)) == analysis


def test_the_text_is_canonical() -> None:
    text = schema.dump(make_analysis())
    assert schema.dump(schema.load(text)) == text
    assert json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False, separators=(",", ":")) == text


def test_number_types_do_not_change_the_text() -> None:
    plain = make_analysis()
    info = replace(plain.media.info, fps=25, frame_count=np.int64(50), duration_s=np.float32(2.0))  # type: ignore[arg-type]
    odd = replace(plain, media=replace(plain.media, info=info))
    assert schema.dump(odd) == schema.dump(plain)


def test_minus_zero_is_zero() -> None:
    plain = make_analysis()
    odd = replace(plain, timelines=(Timeline("net", 1, (-0.0, 0.04), (0.91, 0.89)),))
    assert schema.dump(odd) == schema.dump(plain)


@given(p=st.floats(0.0, 1.0))
def test_numbers_keep_nine_digits(p: float) -> None:
    back = schema.load(schema.dump(make_analysis(p_fake=p))).verdict.p_fake
    assert back is not None
    assert math.isclose(back, p, rel_tol=1e-8, abs_tol=0.0)
    assert schema.load(schema.dump(make_analysis(p_fake=back))).verdict.p_fake == back


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(InternalError, match="not finite"):
        schema.dump(make_analysis(p_fake=bad))


def test_a_value_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(InternalError, match="preset"):
        schema.dump(replace(make_analysis(), preset=object()))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Ünïcødé 🙂.mp4", "a\x00b", "../../etc/passwd", "<script>", "line\nbreak", ""])
def test_odd_names_survive(name: str) -> None:
    assert schema.load(schema.dump(renamed(make_analysis(), name))).media.name == name


def test_a_name_that_utf8_cannot_hold_is_made_encodable() -> None:
    text = schema.dump(renamed(make_analysis(), "bad\udcff.mp4"))
    assert schema.load(text).media.name == "bad?.mp4"
    assert text.encode("utf-8")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '{"version": 99}', '{"version": 1}', '{"version": true}'])
def test_what_is_no_analysis_of_this_version_is_refused(text: str) -> None:
    with pytest.raises(StorageError) as caught:
        schema.load(text)
    assert caught.value.hint


def test_thresholds_out_of_order_are_refused() -> None:
    data = json.loads(schema.dump(make_analysis()))
    data["verdict"]["thresholds"] = {"fake": 0.2, "real": 0.8}
    with pytest.raises(StorageError, match="thresholds"):
        schema.load(json.dumps(data))


def test_a_newer_version_is_named_in_the_message() -> None:
    data = json.loads(schema.dump(make_analysis())) | {"version": 2}
    with pytest.raises(StorageError, match="version 2.*version 1"):
        schema.load(json.dumps(data))


def test_the_exported_schema_is_up_to_date() -> None:
    """Make it anew with: python -m core.cli schema --out docs/analysis.schema.json"""
    assert (ROOT / "docs" / "analysis.schema.json").read_text(encoding="utf-8") == schema.schema_text()


def _validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema.json_schema())
    return jsonschema.Draft202012Validator(schema.json_schema())


@pytest.mark.parametrize(
    ("p_fake", "label", "kind"),
    [
        (0.9, Label.FAKE, MediaKind.VIDEO),
        (None, Label.NOT_APPLICABLE, MediaKind.AUDIO),
        (0.0, Label.REAL, MediaKind.IMAGE),
    ],
)
def test_what_is_dumped_fits_the_schema(p_fake: float | None, label: Label, kind: MediaKind) -> None:
    _validator().validate(json.loads(schema.dump(make_analysis(p_fake=p_fake, label=label, kind=kind))))


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"scores": 3}, {"verdict": {"label": "maybe"}}, {"preset": None}, {"frames": [{"t_s": "x"}]}],
)
def test_the_schema_refuses_what_does_not_fit(change: dict[str, Any]) -> None:
    data = json.loads(schema.dump(make_analysis())) | change
    assert list(_validator().iter_errors(data))


def test_thresholds_are_checked_on_creation() -> None:
    with pytest.raises(ValueError, match="0 <= real <= fake <= 1"):
        Thresholds(fake=0.2, real=0.3)

"""Whatever is in a file, every answer is a result or an error with message and hint, and nothing hangs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import WorkbenchError
from core.media.decoding import Apart, Decoder, Here
from core.media.sandbox import Sandbox
from core.settings import Limits, Sampling, SandboxSettings
from core.types import MediaKind
from tests.mutations import corpus, mutations

LIMITS = Limits(max_pixels=4_000_000, max_seconds=60)
SAMPLE = 90
SLOWEST_S = 20.0


def read_all(decoder: Decoder, path: Path) -> str:
    """Take a file through every decoder; "read" or the code of its error."""
    try:
        ref = decoder.identify(path)
        info = decoder.probe(ref)
        if ref.kind is MediaKind.IMAGE:
            frames, _ = decoder.image(ref)
            assert frames
        elif ref.kind is MediaKind.VIDEO:
            frames, _ = decoder.frames(ref, info, Sampling(frames=4))
            assert all(f.rgb.ndim == 3 for f in frames)
        if info.has_audio:
            decoder.audio(ref, info)
    except WorkbenchError as error:
        assert error.message
        assert error.hint
        return error.code
    return "read"


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    return corpus(tmp_path_factory.mktemp("corpus"))


def test_the_corpus_itself_is_read(files):
    assert [read_all(Here(LIMITS), path) for path in files] == ["read"] * len(files)


def test_mutated_files_are_read_or_told(files, tmp_path):
    outcomes: dict[str, int] = {}
    for name, data in mutations(files, SAMPLE, seed=8):
        path = tmp_path / name
        path.write_bytes(data)
        started = time.monotonic()
        outcome = read_all(Here(LIMITS), path)
        assert time.monotonic() - started < SLOWEST_S, name
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        path.unlink()
    assert sum(outcomes.values()) == SAMPLE
    assert outcomes.keys() - {"read"}, "no mutation has broken anything: they are too tame"
    assert "internal" not in outcomes


def test_an_animation_none_of_whose_pictures_plays_is_told(tmp_path):
    """What once came out of a mutation: two pictures are announced, and the first cannot be decoded."""
    path = tmp_path / "broken.gif"
    for name, data in mutations(corpus(tmp_path / "corpus"), 193, seed=0):
        if name.startswith("192-"):
            path.write_bytes(data)
    assert read_all(Here(LIMITS), path) == "damaged_media"


def test_in_a_process_of_their_own_they_end_none(files, tmp_path):
    box = Sandbox(SandboxSettings(enabled=True, workers=1, wall_s=30))
    try:
        for name, data in mutations(files, SAMPLE // 3, seed=9):
            path = tmp_path / name
            path.write_bytes(data)
            assert read_all(Apart(LIMITS, box), path) != "internal", name
        assert read_all(Apart(LIMITS, box), files[0]) == "read"
    finally:
        box.close()


_HEADS = st.sampled_from(
    [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x10\0\0\0WEBP", b"BM", b"II*\0",
     b"\0\0\0\x18ftypmp42", b"\x1aE\xdf\xa3", b"RIFF\x10\0\0\0WAVE", b"OggS", b"fLaC", b"ID3", b"\0\0\0\x18ftypheic",
     b"\0\0\0\x18ftypavif"]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=_HEADS, body=st.binary(max_size=600))
def test_any_bytes_behind_any_head_are_read_or_told(tmp_path, head, body):
    path = tmp_path / "any"
    path.write_bytes(head + body)
    assert read_all(Here(LIMITS), path) != "internal"

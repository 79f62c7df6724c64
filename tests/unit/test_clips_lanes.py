"""Three people and a cut: every person has a lane of windows that shows nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from core.detectors.clip import Seen, WindowDetector
from core.faces.align import template
from core.media.guard import identify
from core.media.probe import probe
from core.media.video import read_frames
from core.registry import Card, ClipSpec, InputSpec, WeightsSpec, ensemble
from core.runtime.pool import ModelPool
from core.settings import Sampling, Settings, build_settings
from core.stages.asking import clips
from core.stages.context import Context
from core.stages.reading import Material
from core.types import RGB, Face, FaceQuality, FaceTrack, Modality, Status, Timeline
from tests.media import talking, write_clip

SIZE, FPS, CUT_S, END_S = 128, 25.0, 1.6, 3.2
GOOD = FaceQuality(80.0, 100.0, 120.0, 0.0, 0.0)
# Where each person's face is drawn, from when to when: two side by side, a third alone after the cut.
PEOPLE = {1: (0, 0.0, CUT_S), 2: (SIZE, 0.0, CUT_S), 3: (SIZE // 2, CUT_S, END_S)}


class _Redness(WindowDetector):
    """A stand-in for a detector: the redder the face, the higher the logit."""

    memory_bytes = 1

    def look(self, clips: RGB) -> Seen:
        middle = clips[:, :, 12:20, 12:20].astype(np.float32).mean(axis=(1, 2, 3))
        return Seen(np.asarray((middle[:, 0] - middle[:, 2]) / 60.0, np.float32))


CARD = Card(
    id="redness",
    title="Redness",
    family="test",
    modality=Modality.CLIP,
    implementation="core.detectors.clip:ClipDetector",
    architecture="none",
    summary="for tests",
    input=InputSpec(size=32),
    clip=ClipSpec(frames=8, stride=1, windows=4),
    weights=WeightsSpec(file="x", size_bytes=1, licence="none", trained_on="nothing", how_to_get="nothing"),
)


def _pictures(tinted: int | None) -> list[RGB]:
    count, last = round(CUT_S * FPS), round((END_S - CUT_S) * FPS)
    heads = {
        number: list(talking(max(count, last) / FPS, FPS, SIZE, seed=number, person=number % 2)) for number in PEOPLE
    }
    if tinted is not None:
        heads[tinted] = [_red(head) for head in heads[tinted]]
    before = [np.concatenate([a, b], axis=1) for a, b in zip(heads[1][:count], heads[2][:count], strict=True)]
    stage = np.zeros((SIZE, 2 * SIZE, 3), np.uint8)
    stage[:, :, 1] = np.linspace(90, 250, 2 * SIZE).astype(np.uint8)
    after = []
    for head in heads[3][:last]:
        frame = stage.copy()
        frame[:, SIZE // 2 : SIZE // 2 + SIZE] = head
        after.append(frame)
    return before + after


def _red(head: RGB) -> RGB:
    out = head.astype(np.int16)
    out[..., 0] += 60
    out[..., 2] -= 60
    return np.clip(out, 0, 255).astype(np.uint8)


def _tracks(times: Sequence[float]) -> list[FaceTrack]:
    tracks = []
    for number, (x, start, end) in PEOPLE.items():
        seen = [i for i, t in enumerate(times) if start <= t < end]
        points = template(SIZE, 1.8) + np.array([x, 0])
        box = (x + 28.0, 28.0, x + 100.0, 100.0)
        face = Face(box, tuple((float(a), float(b)) for a, b in points), 0.99)
        at = tuple(float(times[i]) for i in seen)
        tracks.append(FaceTrack(number, tuple(seen), at, (face,) * len(seen), (GOOD,) * len(seen)))
    return tracks


def _lanes(folder: Path, settings: Settings, tinted: int | None) -> dict[int | None, Timeline]:
    path = write_clip(folder / f"people-{tinted}.mp4", _pictures(tinted), FPS)
    ref = identify(path, settings.limits)
    info = probe(ref, settings.limits)
    frames, _ = read_frames(ref, info, Sampling(frames=24))
    material = Material(ref, info, tuple(frames), None)
    context = Context(settings, ensemble("default"), ModelPool("cpu", 10**9))
    answers = clips.ask(CARD, path, material, _tracks([f.t_s for f in frames]), context)
    assert all(answer.score.status is Status.OK for answer in answers)
    return {answer.score.track_id: answer.line for answer in answers if answer.line}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lanes")


@pytest.fixture(scope="module")
def settings(folder: Path) -> Iterator[Settings]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "load_clip_detector", lambda *args: _Redness())
        yield build_settings(data_dir=folder / "data")


@pytest.fixture(scope="module")
def lanes(folder: Path, settings: Settings) -> dict[int | None, Timeline]:
    return _lanes(folder, settings, None)


def test_three_people_and_a_cut_give_three_lanes(lanes: dict[int | None, Timeline]) -> None:
    assert set(lanes) == {1, 2, 3}
    assert all(t < CUT_S for number in (1, 2) for t in lanes[number].t_s)
    assert all(t > CUT_S for t in lanes[3].t_s)


@pytest.mark.parametrize("changed", [2, 3])
def test_what_happens_to_one_face_stays_in_its_lane(
    folder: Path, settings: Settings, lanes: dict[int | None, Timeline], changed: int
) -> None:
    after = _lanes(folder, settings, changed)
    for number in PEOPLE:
        rise = np.asarray(after[number].p_fake) - np.asarray(lanes[number].p_fake)
        if number == changed:
            assert rise.min() > 0.05
        else:
            assert np.abs(rise).max() < 0.02

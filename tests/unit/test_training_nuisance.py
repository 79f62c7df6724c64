"""Nuisances treat real and fake alike and keep the shape."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from core.training import nuisance


def _picture(seed: int, size: int = 120) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def test_equal_generators_do_the_same_to_any_picture() -> None:
    """The chain depends on the generator alone, never on the pixels: two pictures draw the same random numbers."""
    for seed in range(30):
        one, two = np.random.default_rng(seed), np.random.default_rng(seed)
        nuisance.degrade(one, _picture(1))
        nuisance.degrade(two, _picture(2))
        assert one.bit_generator.state == two.bit_generator.state


def test_degrade_is_seeded_and_keeps_the_shape() -> None:
    picture = _picture(3, 121)
    results = [nuisance.degrade(np.random.default_rng(seed), picture) for seed in range(30)]
    again = [nuisance.degrade(np.random.default_rng(seed), picture) for seed in range(30)]
    assert all(np.array_equal(a, b) for a, b in zip(results, again, strict=True))
    assert all(r.shape == picture.shape and r.dtype == np.uint8 for r in results)
    assert sum(not np.array_equal(r, picture) for r in results) > 20


def test_every_kind_of_step_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()
    for name in (*STEPS, "jpeg", "webp", "h264", "h265"):
        monkeypatch.setattr(nuisance, name, _noting(seen, name))
    for seed in range(400):
        nuisance.degrade(np.random.default_rng(seed), _picture(3, 32))
    assert seen == {*STEPS, "jpeg", "webp", "h264", "h265"}


def _noting(seen: set[str], name: str) -> Callable[..., np.ndarray]:
    def step(*args: object) -> np.ndarray:
        seen.add(name)
        return np.asarray(next(a for a in args if isinstance(a, np.ndarray)))

    return step


def test_strength_zero_changes_nothing() -> None:
    picture = _picture(4)
    for seed in range(10):
        assert np.array_equal(nuisance.degrade(np.random.default_rng(seed), picture, 0.0), picture)


@pytest.mark.parametrize("codec", ["jpeg", "webp", "h264", "h265"])
def test_codecs_lose_more_at_lower_quality(codec: str) -> None:
    rng = np.random.default_rng(5)
    picture = np.clip(_picture(5).astype(int) + rng.integers(-20, 21, (120, 120, 3)), 0, 255).astype(np.uint8)
    good, poor = {"jpeg": (95, 20), "webp": (95, 20), "h264": (15, 40), "h265": (15, 40)}[codec]
    call = getattr(nuisance, codec)
    errors = [float(np.abs(call(picture, q).astype(int) - picture).mean()) for q in (good, poor)]
    assert 0 < errors[0] < errors[1] < 40


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("size", [(97, 97), (97, 130), (64, 201), (33, 18)])
def test_video_codecs_keep_odd_and_oblong_pictures(codec: str, size: tuple[int, int]) -> None:
    picture = np.ascontiguousarray(_picture(6, 201)[: size[0], : size[1]])
    out = getattr(nuisance, codec)(picture, 20)
    assert out.shape == picture.shape
    assert np.abs(out.astype(int) - picture).mean() < 8


def _step(name: str, rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    extra = {"subtitles": (), "overlay": (), "rescale": (0.55,), "noise": (4.0,), "blur": (1.2,)}
    return np.asarray(getattr(nuisance, name)(rng, picture, *extra.get(name, (1.0,))))


STEPS = ("beauty", "blur", "light", "low_light", "noise", "overlay", "rescale", "screenshot", "social", "subtitles",
         "unsharp")  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_every_step_is_seeded_changes_the_picture_and_draws_nothing_from_it(name: str) -> None:
    picture, other = _picture(11, 121), _picture(12, 121)
    before = picture.copy()
    changed = 0
    for seed in range(6):
        rngs = [np.random.default_rng(seed) for _ in range(3)]
        first, again = _step(name, rngs[0], picture), _step(name, rngs[1], picture)
        _step(name, rngs[2], other)
        assert np.array_equal(first, again)
        assert rngs[0].bit_generator.state == rngs[2].bit_generator.state
        assert first.shape == picture.shape and first.dtype == np.uint8
        changed += int(not np.array_equal(first, picture))
    assert changed >= 4
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("size", [(121, 87), (200, 35), (33, 17), (2, 3), (1, 1)])
def test_chains_keep_any_size(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for seed in range(60):
        assert nuisance.degrade(np.random.default_rng(seed), picture).shape == picture.shape


@pytest.mark.parametrize("value", [0, 128, 255])
def test_constant_pictures_pass(value: int) -> None:
    picture = np.full((64, 64, 3), value, np.uint8)
    for name in STEPS:
        out = _step(name, np.random.default_rng(1), picture)
        assert out.shape == picture.shape
        if name in ("beauty", "unsharp", "rescale", "social") and value != 128:
            assert np.abs(out.astype(int) - value).max() <= 1
    for seed in range(40):
        nuisance.degrade(np.random.default_rng(seed), picture)


def test_grain_in_low_light_grows_with_the_strength() -> None:
    flat = np.full((80, 80, 3), 120, np.uint8)

    def grain(strength: float) -> float:
        shots = [nuisance.low_light(np.random.default_rng(s), flat, strength).std(axis=(0, 1)) for s in range(8)]
        return float(np.mean(shots))

    assert grain(1.0) > 1.5 * grain(0.2) > 0


def test_beauty_keeps_edges_and_smooths_skin() -> None:
    rng = np.random.default_rng(2)
    skin = np.full((96, 96, 3), (205, 150, 125), np.float64)
    skin[:, 48:] = (40, 40, 60)
    grainy = np.clip(skin + rng.normal(0, 6, skin.shape), 0, 255).astype(np.uint8)
    out = nuisance.beauty(np.random.default_rng(3), grainy, 1.0).astype(float)
    assert out[10:-10, 8:40].std(axis=(0, 1)).mean() < 0.85 * grainy[10:-10, 8:40].std(axis=(0, 1)).mean()
    assert out[:, 44].mean() - out[:, 51].mean() > 0.85 * (skin[:, 44].mean() - skin[:, 51].mean())
    assert np.abs(out[:, 60:] - grainy[:, 60:]).mean() < 1.0


def test_subtitles_write_in_the_lower_part_alone() -> None:
    picture = _picture(9, 200)
    for seed in range(20):
        out = nuisance.subtitles(np.random.default_rng(seed), picture)
        assert np.array_equal(out[:120], picture[:120])
        assert not np.array_equal(out[120:], picture[120:])


def _clip(count: int = 6, size: tuple[int, int] = (66, 75)) -> np.ndarray:
    return np.stack(
        [np.ascontiguousarray(np.roll(_picture(8, 90), t, axis=1)[: size[0], : size[1]]) for t in range(count)]
    )


@pytest.mark.parametrize("codec", ["h264_clip", "h265_clip"])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_video_codecs_keep_every_frame_in_order(codec: str, count: int) -> None:
    clip = _clip(count)
    out = getattr(nuisance, codec)(clip, 18)
    assert out.shape == clip.shape
    near = np.abs(out[:, None].astype(int) - clip[None]).mean(axis=(2, 3, 4))
    assert near.argmin(axis=1).tolist() == list(range(count))
    assert np.diag(near).max() < 8


@pytest.mark.parametrize("count", [1, 2])
def test_videos_shorter_than_what_x265_reorders_can_be_written_time_and_again(count: int) -> None:
    clip = _clip(count)
    assert all(nuisance.h265_clip(clip, 18).shape == clip.shape for _ in range(80))


@pytest.mark.parametrize("codec", ["h264_clip", "h265_clip"])
def test_video_codecs_are_the_same_whatever_memory_held_before(codec: str) -> None:
    clip, rng = _clip(), np.random.default_rng(0)
    call = getattr(nuisance, codec)
    made = []
    for quality in range(20, 26):
        for size in (2_000, 20_000, 130_000, 1_000_000):
            rng.integers(0, 256, size, dtype=np.uint8)
        call(_clip(7), quality)
        made.append(call(clip, 26))
    assert all(np.array_equal(made[0], again) for again in made)


def test_clips_are_worn_alike_in_every_frame_and_alike_for_real_and_fake() -> None:
    clip, other = _clip(), _clip()[::-1].copy()
    for seed in range(25):
        one, two, again = (np.random.default_rng(seed) for _ in range(3))
        out = nuisance.degrade_clip(one, clip)
        nuisance.degrade_clip(two, other)
        assert one.bit_generator.state == two.bit_generator.state
        assert out.shape == clip.shape and out.dtype == np.uint8
        assert np.array_equal(out, nuisance.degrade_clip(again, clip))


def test_grain_is_new_in_every_frame_while_the_light_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nuisance, "_stream", lambda rng, clip, strength: clip)
    still = np.full((5, 40, 40, 3), 120, np.uint8)
    grainy = 0
    for seed in range(30):
        out = nuisance.degrade_clip(np.random.default_rng(seed), still).astype(float)
        assert np.ptp(out[:, 14:26].mean(axis=(1, 2, 3))) < 2.0
        if out[0, 14:26].std(axis=(0, 1)).max() > 2.0:
            grainy += 1
            assert not np.array_equal(out[0], out[1])
    assert grainy >= 5


def test_frames_are_held_whole_and_never_come_from_later() -> None:
    clip = np.stack([np.full((4, 4, 3), 10 * t, np.uint8) for t in range(16)])
    repeated = 0
    for seed in range(40):
        out = nuisance.held(np.random.default_rng(seed), clip, 1.0)
        shown = out[:, 0, 0, 0].astype(int) // 10
        assert out.shape == clip.shape and (out == out[:, :1, :1]).all()
        assert shown[0] == 0 and (np.diff(shown) >= 0).all() and (shown <= np.arange(16)).all()
        repeated += int((np.diff(shown) == 0).sum())
    assert 0.1 < repeated / (40 * 15) < 0.5


def test_light_wobbles_over_the_whole_frame_and_not_at_no_strength() -> None:
    clip = np.full((16, 6, 6, 3), 120, np.uint8)
    spans = []
    for seed in range(40):
        out = nuisance.wobble(np.random.default_rng(seed), clip, 1.0)
        assert (out == out[:, :1, :1, :1]).all()
        spans.append(float(np.ptp(out[:, 0, 0, 0].astype(float))))
    assert 2.0 < np.median(spans) < 40.0
    assert np.array_equal(nuisance.wobble(np.random.default_rng(0), clip, 0.0), clip)


def test_timing_is_worn_alike_and_only_where_it_is_asked_for() -> None:
    clip, other = _clip(8), _clip(8)[::-1].copy()
    changed = 0
    for seed in range(12):
        one, two = (np.random.default_rng(seed) for _ in range(2))
        out = nuisance.degrade_clip(one, clip, 1.0, timing=0.5)
        nuisance.degrade_clip(two, other, 1.0, timing=0.5)
        assert one.bit_generator.state == two.bit_generator.state
        changed += not np.array_equal(out, nuisance.degrade_clip(np.random.default_rng(seed), clip, 1.0))
    assert changed >= 6


def test_clips_without_strength_or_frames() -> None:
    clip = _clip(3)
    assert np.array_equal(nuisance.degrade_clip(np.random.default_rng(0), clip, 0.0), clip)
    with pytest.raises(ValueError, match="frame"):
        nuisance.degrade_clip(np.random.default_rng(0), clip[:0])


def test_finishing_compresses_the_asked_share() -> None:
    picture = _picture(7)
    generators = [np.random.default_rng(seed) for seed in range(40)]
    assert all(np.array_equal(nuisance.finish(g, picture, 0.0), picture) for g in generators)
    changed = sum(not np.array_equal(nuisance.finish(g, picture, 1.0), picture) for g in generators)
    assert 25 <= changed < 40

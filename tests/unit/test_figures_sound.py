"""Waveform, spectrogram and the lane of voices."""

from __future__ import annotations

from dataclasses import replace

from core.facts import SoundFacts
from core.figures.sound import sound_over_time
from core.figures.timeline import timeline
from core.types import Analysis, Modality
from tests.analyses import clip, line, picture, score

FACTS = SoundFacts(
    start_s=0.0, duration_s=4.0, kind="speech", speech=((0.5, 3.5),), speech_s=3.0, found_by="loudness",
    level_db=-20.0, peak_db=-3.0, clipped=0.0, envelope=(0.2, 0.8) * 20, mel=((-40, -20) * 4,) * 64,
)  # fmt: skip


def heard(*voices: str) -> Analysis:
    """The clip of two people, with sound that ``voices`` listened to."""
    seen = clip()
    said = tuple(score(name, 0.4, None, modality=Modality.AUDIO) for name in voices)
    curves = tuple(line(name, None, 0.4) for name in voices)
    return replace(seen, sound=FACTS, scores=(*seen.scores, *said), timelines=(*seen.timelines, *curves))


def test_only_voices_are_named_below_the_time_axis() -> None:
    figure = sound_over_time(heard("voice-a", "voice-b"))
    assert [t.name for t in figure.data if t.type == "scatter" and t.showlegend is not False] == ["Voice A", "Voice B"]
    assert figure.layout.showlegend and figure.layout.legend.y < 0
    unheard = sound_over_time(heard())
    assert not unheard.layout.showlegend and unheard.layout.height < figure.layout.height


def test_a_voice_has_one_colour_in_all_figures() -> None:
    analysis = heard("voice-a", "voice-b")
    lanes = {t.name: t.line.color for t in timeline(analysis).data if t.showlegend is False}
    sound = {t.name: t.line.color for t in sound_over_time(analysis).data if t.name}
    rgb = {name: colour.rsplit(",", 1)[0] for name, colour in lanes.items()}
    assert {name: colour.rsplit(",", 1)[0] for name, colour in sound.items()} == {
        name: rgb[name] for name in ("Voice A", "Voice B")
    }
    assert len(set(rgb.values())) == 4
    filtered = timeline(analysis, detector="voice-b")
    assert filtered.data[0].line.color == lanes["Voice B"]


def test_points_carry_the_moment_to_play() -> None:
    figure = sound_over_time(heard("voice-a"))
    assert all(lane == -1 for trace in figure.data if trace.customdata is not None for _, lane in trace.customdata)


def test_without_sound_it_says_so() -> None:
    assert "no sound" in sound_over_time(picture()).layout.annotations[0].text

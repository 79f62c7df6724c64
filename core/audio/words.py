"""What the measures of sound mean, in words that a reader without training understands."""

from __future__ import annotations

from core.facts import SoundFacts
from core.types import Analysis, Modality, Status

READING = (
    "Green marks where somebody speaks; only there are voices judged. Click the waveform or a point to play from there."
)
_LOW_SNR_DB, _QUIET_DB, _CLIPPED = 12.0, -45.0, 0.001


def told(analysis: Analysis) -> list[str]:
    """Sentences about the sound and about the voice; empty without sound."""
    sound = analysis.sound
    if sound is None:
        return []
    return [_speech(sound), *_voice(analysis), _level(sound), *_quality(sound)]


def _speech(sound: SoundFacts) -> str:
    if sound.kind == "silence":
        return "The sound is silent."
    if sound.kind == "other":
        return "No speech was found: music or noise, which the voice models do not judge."
    parts = len(sound.speech)
    where = "in one stretch" if parts == 1 else f"in {parts} stretches"
    return f"{sound.speech_s:.1f} of {sound.duration_s:.1f} seconds are speech, {where}."


def _voice(analysis: Analysis) -> list[str]:
    rows = [s for s in analysis.scores if s.modality is Modality.AUDIO]
    return [
        f"The voice could not be judged by {s.title}: {s.reason.rstrip('.')}."
        for s in rows
        if s.status is not Status.OK and s.reason
    ]


def _level(sound: SoundFacts) -> str:
    text = f"Level {sound.level_db:.0f} dB of full scale, peak {sound.peak_db:.0f} dB"
    if sound.snr_db is not None:
        text += f"; speech stands {sound.snr_db:.0f} dB above its pauses"
    if sound.bandwidth_hz is not None:
        text += f" and reaches up to {sound.bandwidth_hz / 1000:.1f} kHz"
    return text + "."


def _quality(sound: SoundFacts) -> list[str]:
    found = []
    if sound.clipped > _CLIPPED:
        found.append(f"{sound.clipped:.1%} of it is clipped: it was recorded too loud.")
    if sound.snr_db is not None and sound.snr_db < _LOW_SNR_DB:
        found.append("It is noisy, which makes scores of voices unreliable.")
    if sound.kind == "speech" and sound.level_db < _QUIET_DB:
        found.append("It is very quiet.")
    return found + [f"{trace[:1].upper()}{trace[1:]}." for trace in sound.traces]

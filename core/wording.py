"""Plain words for values, shared by both front ends, the figures and the reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.facts import SCALES, Look, LookKind
from core.types import (
    Analysis,
    Label,
    MediaFacts,
    MediaInfo,
    MediaKind,
    Modality,
    Score,
    Stage,
    Status,
    Thresholds,
    Verdict,
)

VERDICT_TITLES: dict[Label, str] = {
    Label.FAKE: "Looks fake",
    Label.REAL: "Looks real",
    Label.UNCERTAIN: "Uncertain",
    Label.NOT_APPLICABLE: "Could not be judged",
}
VERDICT_SUMMARIES: dict[Label, str] = {
    Label.FAKE: "The models find clear signs of manipulation.",
    Label.REAL: "The models find no clear sign of manipulation. That is not a proof of authenticity.",
    Label.UNCERTAIN: "The models find neither enough to call it fake nor enough to call it real.",
    Label.NOT_APPLICABLE: "These models have no score for this file. That says nothing about whether it is genuine.",
}
LABEL_WORDS: dict[Label, str] = {
    Label.FAKE: "fake",
    Label.REAL: "real",
    Label.UNCERTAIN: "uncertain",
    Label.NOT_APPLICABLE: "not applicable",
}
STATUS_WORDS: dict[Status, str] = {
    Status.OK: "answered",
    Status.NOT_APPLICABLE: "not applicable",
    Status.UNAVAILABLE: "not available",
    Status.ERROR: "failed",
}
MODALITY_WORDS: dict[Modality, str] = {
    Modality.IMAGE: "picture",
    Modality.CLIP: "motion",
    Modality.AUDIO: "sound",
    Modality.AUDIO_VISUAL: "sound and lips",
}
LOOK_WORDS: dict[LookKind, str] = {
    LookKind.MIRROR: "in the mirror",
    LookKind.CLOSER: "from closer",
    LookKind.WIDER: "from further away",
    LookKind.HALF: "at half the resolution",
    LookKind.DROPOUT: "with parts of the network switched off",
}
HEAD_WORDS: dict[str, str] = {
    "motion": "what happens over time",
    "fingerprint": "the fingerprint of a generator in single frames",
}
STAGE_TITLES: dict[Stage, str] = {
    Stage.QUEUED: "Waiting for its turn",
    Stage.READING: "Reading the file",
    Stage.FACES: "Finding faces",
    Stage.MODELS: "Running the models",
    Stage.SYNC: "Checking sound and lips",
    Stage.VERDICT: "Reaching a verdict",
}

APART = 0.2  # of P(fake): how far a second look may be from the first and still say the same
EVEN = 1.25  # times an even share of attention: what is below stands out from nothing


def percent(p: float | None) -> str:
    """A probability in [0, 1] as ``87%``; never 0% or 100% unless it is exactly that."""
    if p is None:
        return "–"
    if 0.0 < p < 0.005:
        return "<1%"
    if 0.995 <= p < 1.0:
        return ">99%"
    return f"{100 * p:.0f}%"


def clock(t_s: float) -> str:
    """Seconds as ``m:ss.s`` (``h:mm:ss.s`` from one hour on)."""
    tenths = round(max(t_s, 0.0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / 10:04.1f}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def size(n_bytes: int) -> str:
    """Bytes as ``1.4 MB`` (powers of 1000)."""
    value = float(n_bytes)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def person(track_id: int | None) -> str:
    """The name of a person in a medium; None is the medium as a whole."""
    return "Whole file" if track_id is None else f"Person {track_id}"


def probability_kind(calibrated: bool) -> str:
    """What a percentage is: calibration reaches no further than the kinds of fakes that it was fitted on."""
    return "calibrated on known kinds of fakes" if calibrated else "raw score, not calibrated"


def score_kind(score: Score) -> str:
    """What one model's percentage is, with the fit behind it."""
    return f"calibrated ({score.calibration})" if score.calibration else "raw score, not calibrated"


def interval(bounds: tuple[float, float] | None) -> str:
    """A range of probabilities as ``71% to 93%``; empty without one."""
    return "" if bounds is None else f"{percent(bounds[0])} to {percent(bounds[1])}"


def agreement(verdict: Verdict) -> str:
    """How far the models agree, in words; empty where none voted."""
    voters = len({c.detector for c in verdict.contributions})
    if verdict.agreement is None or voters == 0:
        return ""
    if voters == 1:
        return "one model voted"
    if verdict.agreement >= 1.0:
        return f"all {voters} models agree"
    return f"{round(verdict.agreement * voters)} of {voters} models agree"


def driver(analysis: Analysis) -> str:
    """Which person drives the verdict; empty where the file as a whole does."""
    track_id = analysis.verdict.track_id
    if track_id is None:
        return ""
    count = len(analysis.tracks)
    return person(track_id) if count < 2 else f"{person(track_id)} of {count}"


def looks(score: Score) -> str:
    """What second looks at some of the pictures say; empty without any."""
    return "; ".join(
        f"{LOOK_WORDS[look.kind]} {percent(look.p_fake)} (at first {percent(look.first)})" for look in score.looks
    )


def disagreeing_scales(score: Score) -> tuple[Look, ...]:
    """Those scales at which a detector says something else than at the first look at the same pictures."""
    return tuple(look for look in score.looks if look.kind in SCALES and look.difference > APART)


def scales(voters: Sequence[Score]) -> tuple[str, ...]:
    """Whether detectors say the same from closer, from further away and at half the resolution: a sentence for each
    that does not and one for all who do; empty where nobody looked again."""
    asked = [score for score in voters if any(look.kind in SCALES for look in score.looks)]
    apart = [(score, differing) for score in asked if (differing := disagreeing_scales(score))]
    lines = [
        f"{score.title} says otherwise {_apart(differing)}: its range is wider for it." for score, differing in apart
    ]
    steady = [score.title for score in asked if not disagreeing_scales(score)]
    if steady:
        says = "says the same" if len(steady) == 1 else "say the same"
        lines.append(f"{listed(steady)} {says} at other scales (closer, wider, half the resolution).")
    return tuple(lines)


def _apart(differing: Sequence[Look]) -> str:
    return listed(
        [f"{LOOK_WORDS[look.kind]} ({percent(look.p_fake)}, at first {percent(look.first)})" for look in differing]
    )


def heads(score: Score) -> str:
    """What the heads of a network say one by one; empty where it has no more than one."""
    if not score.heads:
        return ""
    said = listed([f"{percent(head.p_fake)} by {HEAD_WORDS.get(head.name, head.name)}" for head in score.heads])
    return f"{score.title} adds up {len(score.heads)} heads: {said} (raw scores, not calibrated)."


def attention(score: Score) -> str:
    """Which moments a network attended to most; empty where it does not say."""
    seen = score.attention
    if seen is None or not seen.t_s:
        return ""
    at = max(range(len(seen.t_s)), key=seen.weight.__getitem__)
    most, where = seen.weight[at], clock(seen.t_s[at])
    if most < EVEN:
        return f"{score.title} attended to all frames about alike."
    return f"{score.title} attended most to the frame at {where}: {most:.1f} times an even share."


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def thresholds(limits: Thresholds) -> str:
    """Where the two lines are, in words."""
    real = f"real up to {percent(limits.real)}" if limits.real > 0 else "never called real"
    return f"{real}, fake from {percent(limits.fake)}"


def enhancement_notes(analysis: Analysis) -> tuple[str, ...]:
    """What was done to frames before faces were sought, one sentence for each repair."""
    total = len(analysis.frames)
    counts = Counter(frame.enhanced for frame in analysis.frames if frame.enhanced)
    noun = "the picture" if analysis.media.info.kind is MediaKind.IMAGE else None
    return tuple(
        f"To find faces, {noun or f'{n} of {total} frames'} {'was' if noun or n == 1 else 'were'} enhanced: {what}."
        for what, n in counts.most_common()
    )


def media_rows(media: MediaFacts) -> tuple[tuple[str, str], ...]:
    """The known facts of a file as (name, value) rows; unknown facts have no row."""
    info = media.info
    rows = (
        ("Name", media.name),
        ("Format", f"{media.format.upper()} {info.kind.value}, {size(media.size_bytes)}"),
        ("Container", info.container),
        ("Picture", _picture(info)),
        ("Length", "" if info.duration_s is None else _length(info.duration_s)),
        ("Frame rate", _frame_rate(info)),
        ("Pixels" if info.kind is MediaKind.IMAGE else "Video codec", _coding(info)),
        ("Bit rate", "" if info.bitrate_bps is None else f"{info.bitrate_bps / 1000:,.0f} kbit/s"),
        ("Key frames", "" if info.gop_frames is None else f"every {info.gop_frames:.0f} frames"),
        ("Sound", _sound(info)),
        ("SHA-256", media.sha256),
    )
    return tuple((name, value) for name, value in rows if value)


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _coding(info: MediaInfo) -> str:
    return _joined(info.video_codec, info.video_profile, info.pixel_format)


def _length(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 60 else f"{clock(seconds)} ({seconds:.0f} s)"


def _picture(info: MediaInfo) -> str:
    if info.width is None or info.height is None:
        return ""
    turned = f", turned by {info.rotation_deg}°" if info.rotation_deg else ""
    return f"{info.width} × {info.height} px{turned}"


def _frame_rate(info: MediaInfo) -> str:
    if info.fps is None or info.kind is not MediaKind.VIDEO:
        return ""
    return f"{info.fps:.4g} frames/s{', varying' if info.variable_frame_rate else ''}"


def _sound(info: MediaInfo) -> str:
    if not info.has_audio:
        return "none" if info.kind is MediaKind.VIDEO else ""
    rate = f"{info.audio_sample_rate_hz / 1000:g} kHz" if info.audio_sample_rate_hz else None
    channels = {None: None, 1: "mono", 2: "stereo"}.get(info.audio_channels, f"{info.audio_channels} channels")
    return _joined(info.audio_codec, rate, channels)


def consensus_words(analysis: Analysis) -> str:
    """What the consensus figure shows, for those who cannot see it."""
    rows = (
        f"{s.title}{f' on {person(s.track_id)}' if s.track_id is not None else ''}: "
        f"{percent(s.p_fake) if s.p_fake is not None else f'{STATUS_WORDS[s.status]}, {s.reason}'}"
        for s in analysis.scores
    )
    return f"Probability of a fake by model. {'; '.join(rows)}."


def timeline_words(analysis: Analysis) -> str:
    """What the timeline shows, for those who cannot see it."""
    rows = (
        f"{person(line.track_id)} by {line.detector}: from {percent(min(line.p_fake))} to {percent(max(line.p_fake))} "
        f"over {len(line.p_fake)} frames"
        for line in analysis.timelines
        if line.p_fake
    )
    return f"Probability of a fake over time. {'; '.join(rows)}."


def verdict_words(verdict: Verdict) -> str:
    """What the verdict bar shows, for those who cannot see it."""
    spread = f", range {interval(verdict.interval)}" if verdict.interval else ""
    return (
        f"{VERDICT_TITLES[verdict.label]}: probability of a fake {percent(verdict.p_fake)}{spread}; "
        f"lines: {thresholds(verdict.thresholds)}."
    )


def place_in_queue(place: int, wait_s: float | None) -> str:
    """How long a waiting analysis still waits: ``place`` 1 is next, ``wait_s`` an estimate in seconds."""
    ahead = "next in line" if place == 1 else f"{place - 1} before yours"
    if wait_s is None:
        return ahead
    return f"{ahead}, about {round(wait_s)} s" if wait_s < 90 else f"{ahead}, about {round(wait_s / 60)} min"

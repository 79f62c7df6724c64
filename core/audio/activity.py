"""Voice activity: where in a recording somebody speaks.

The network is Silero VAD (:mod:`core.networks.silero`), whose weights lie in the package silero-vad; nothing is
downloaded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file

from core.errors import ConfigError
from core.networks.silero import CONTEXT, STEP, SileroVad, torch_keys
from core.types import PCM, AudioClip
from core.weights.loading import memory_bytes

SR_HZ = 16_000
STEP_S = STEP / SR_HZ
Span: TypeAlias = tuple[float, float]

_AT_ONCE = 512
_ON, _OFF = 0.5, 0.35
_SHORTEST_S, _PAUSE_S, _EDGE_S = 0.2, 0.25, 0.03


class VoiceActivity:
    """Probability of speech for every 32 ms.

    Raises:
        ConfigError: the package silero-vad is not installed, or holds other weights than are known.
    """

    def __init__(self) -> None:
        self._net = SileroVad().eval()
        try:
            self._net.load_state_dict(torch_keys(load_file(_weights())))
        except RuntimeError as exc:
            raise ConfigError("The weights in silero-vad are unknown.", hint="pip install 'silero-vad>=6,<7'") from exc

    @property
    def memory_bytes(self) -> int:
        """Memory that the loaded network holds."""
        return memory_bytes(self._net)

    @torch.inference_mode()
    def probabilities(self, pcm: PCM, still_wanted: Callable[[], None] = lambda: None) -> npt.NDArray[np.float32]:
        """P(speech) float32[len(pcm) // 512] of mono samples at 16 kHz.

        Args:
            pcm: float32[T] in [-1, 1].
            still_wanted: called now and then; may raise to stop.
        """
        count = len(pcm) // STEP
        if not count:
            return np.zeros(0, np.float32)
        before = np.concatenate([np.zeros(CONTEXT, np.float32), pcm[: count * STEP]])
        steps = np.lib.stride_tricks.sliding_window_view(before, CONTEXT + STEP)[::STEP]
        heard = []
        for first in range(0, count, _AT_ONCE):
            still_wanted()
            heard.append(self._net.encode(torch.from_numpy(steps[first : first + _AT_ONCE].copy())))
        out: npt.NDArray[np.float32] = self._net.decode(torch.cat(heard)).numpy()
        return out


def segments(p: npt.NDArray[np.float32], start_s: float = 0.0) -> tuple[Span, ...]:
    """Stretches of speech in s: from where P(speech) reaches one half to where it stays below 0.35. Pauses shorter than
    a quarter of a second do not end one; stretches shorter than a fifth are left out.

    Args:
        p: of :meth:`VoiceActivity.probabilities`.
        start_s: time of the first sample.
    """
    speaking, begin, found = False, 0, []
    for i, value in enumerate([*p.tolist(), 0.0]):
        if not speaking and value >= _ON:
            speaking, begin = True, i
        elif speaking and value < _OFF:
            speaking = False
            found.append((begin * STEP_S, i * STEP_S))
    end_s = len(p) * STEP_S
    kept = [span for span in _joined(found) if span[1] - span[0] >= _SHORTEST_S]
    return tuple((start_s + max(0.0, a - _EDGE_S), start_s + min(end_s, b + _EDGE_S)) for a, b in kept)


def _joined(spans: Sequence[Span]) -> list[Span]:
    out: list[Span] = []
    for begin, end in spans:
        if out and begin - out[-1][1] < _PAUSE_S:
            out[-1] = (out[-1][0], end)
        else:
            out.append((begin, end))
    return out


def speech_of(audio: AudioClip, activity: VoiceActivity, still_wanted: Callable[[], None]) -> tuple[Span, ...]:
    """Stretches of speech in s on the medium's clock.

    Raises:
        ValueError: the sound is not at 16 kHz.
    """
    if audio.sr_hz != SR_HZ:
        raise ValueError(f"sound at {SR_HZ} Hz is needed, not at {audio.sr_hz}")
    return segments(activity.probabilities(audio.pcm, still_wanted), audio.start_s)


def spoken_s(spans: Sequence[Span], begin_s: float = -np.inf, end_s: float = np.inf) -> float:
    """Seconds of speech between two times."""
    return sum(max(0.0, min(b, end_s) - max(a, begin_s)) for a, b in spans)


def method() -> str:
    """What finds the speech, with its version."""
    try:
        return f"Silero VAD {version('silero-vad')}"
    except PackageNotFoundError:
        return "Silero VAD"


def _weights() -> Path:
    found = importlib.util.find_spec("silero_vad")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "data" / "silero_vad_16k.safetensors"
        if path.is_file():
            return path
    raise ConfigError("Speech cannot be told from other sound.", hint="pip install silero-vad")

"""Voice activity: where in a recording somebody speaks.

The network is Silero VAD (:mod:`core.networks.silero`), whose weights lie in the package silero-vad; nothing is
downloaded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file

from core.audio.spans import Span, segments
from core.errors import ConfigError
from core.networks.silero import CONTEXT, STEP, SileroVad, torch_keys
from core.types import PCM, AudioClip
from core.weights.loading import memory_bytes

SR_HZ = 16_000
_AT_ONCE = 512


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


def speech_of(audio: AudioClip, activity: VoiceActivity, still_wanted: Callable[[], None]) -> tuple[Span, ...]:
    """Stretches of speech in s on the medium's clock.

    Raises:
        ValueError: the sound is not at 16 kHz.
    """
    if audio.sr_hz != SR_HZ:
        raise ValueError(f"sound at {SR_HZ} Hz is needed, not at {audio.sr_hz}")
    return segments(activity.probabilities(audio.pcm, still_wanted), audio.start_s)


def _weights() -> Path:
    found = importlib.util.find_spec("silero_vad")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "data" / "silero_vad_16k.safetensors"
        if path.is_file():
            return path
    raise ConfigError("Speech cannot be told from other sound.", hint="pip install silero-vad")

"""The decoding process: takes requests on standard input and answers on what was standard output.

Started by :mod:`core.media.sandbox`; it limits itself before the first byte of a medium is read.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Sequence

import numpy as np

from core.errors import InternalError, LimitError, WorkbenchError
from core.media.audio import read_audio
from core.media.guard import identify
from core.media.image import read_image
from core.media.probe import probe
from core.media.video import frame_at, read_frames, read_grey_window, read_window
from core.media.wire import Reply, Request, Sound, described, fault_of, pack, pixels_of, unpack_request
from core.settings import SandboxSettings
from core.types import AudioClip, Frame, GreyFrame, MediaInfo, MediaRef

_FILE_BYTES = 4_500_000_000  # what mending a broken clip may write
_Answer = tuple[Reply, Sequence[Frame | GreyFrame], AudioClip | None]


def main() -> None:
    """Serve until the input ends."""
    settings = SandboxSettings.model_validate_json(sys.argv[1])
    out = os.dup(1)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)  # a library that prints must not write into an answer
    _bound(settings)
    try:
        _write(out, memoryview(pack(Reply())))
        while True:
            _serve(unpack_request(_fill), out)
    except (EOFError, BrokenPipeError):
        return


def _bound(settings: SandboxSettings) -> None:
    for what, most in (
        (resource.RLIMIT_AS, settings.memory_bytes),
        (resource.RLIMIT_NOFILE, settings.max_files),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):
            continue  # not every system knows every limit


def _grant_cpu(seconds: int) -> None:
    """The limit counts from the start of the process, so it moves with what was used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = round(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _serve(request: Request, out: int) -> None:
    _grant_cpu(request.cpu_s)
    reply, frames, sound = _answer(request)
    _write(out, memoryview(pack(reply)))
    for frame in frames:
        _write(out, np.ascontiguousarray(pixels_of(frame)).data.cast("B"))
    if sound is not None and len(sound.pcm):
        _write(out, np.ascontiguousarray(sound.pcm, np.float32).data.cast("B"))


def _answer(request: Request) -> _Answer:
    try:
        return _DO[request.op](request)
    except WorkbenchError as error:
        return Reply(fault=fault_of(error)), [], None
    except MemoryError:
        limit = LimitError("Reading this file takes more memory than is allowed.", hint="Make it smaller or shorter.")
        return Reply(fault=fault_of(limit)), [], None
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises ends one request, not the process
        fault = InternalError(f"The file could not be read ({type(error).__name__}).", hint="Export it anew.")
        return Reply(fault=fault_of(fault)), [], None


def _identify(request: Request) -> _Answer:
    assert request.path is not None
    return Reply(ref=identify(request.path, request.limits, name=request.name)), [], None


def _probe(request: Request) -> _Answer:
    return Reply(info=probe(_ref(request), request.limits)), [], None


def _image(request: Request) -> _Answer:
    frames, notes = read_image(_ref(request), request.limits)
    return Reply(pictures=described(frames), notes=tuple(notes)), frames, None


def _frames(request: Request) -> _Answer:
    assert request.sampling is not None
    frames, notes = read_frames(_ref(request), _info(request), request.sampling, limits=request.limits)
    return Reply(pictures=described(frames), notes=tuple(notes)), frames, None


def _audio(request: Request) -> _Answer:
    clip, notes = read_audio(_ref(request), _info(request), request.limits, request.sr_hz)
    sound = Sound(samples=len(clip.pcm), sr_hz=clip.sr_hz, start_s=clip.start_s) if clip is not None else None
    return Reply(sound=sound, notes=tuple(notes)), [], clip


def _window(request: Request) -> _Answer:
    what = _ref(request), _info(request), request.start_s, request.end_s, request.region
    frames = read_window(*what, max_fps=request.max_fps, limits=request.limits)
    return Reply(pictures=described(frames)), frames, None


def _grey_window(request: Request) -> _Answer:
    assert request.region is not None
    what = _ref(request), _info(request), request.start_s, request.end_s, request.region
    frames = read_grey_window(*what, max_fps=request.max_fps, limits=request.limits)
    return Reply(pictures=described(frames)), frames, None


def _moment(request: Request) -> _Answer:
    assert request.path is not None
    frames = [frame_at(request.path, request.start_s)]
    return Reply(pictures=described(frames)), frames, None


_DO: dict[str, Callable[[Request], _Answer]] = {
    "identify": _identify,
    "probe": _probe,
    "image": _image,
    "frames": _frames,
    "audio": _audio,
    "window": _window,
    "grey window": _grey_window,
    "moment": _moment,
}


def _ref(request: Request) -> MediaRef:
    assert request.ref is not None
    return request.ref


def _info(request: Request) -> MediaInfo:
    assert request.info is not None
    return request.info


def _fill(view: memoryview) -> None:
    while view:
        count = os.readv(0, [view])
        if not count:
            raise EOFError
        view = view[count:]


def _write(out: int, view: memoryview) -> None:
    while view:
        view = view[os.write(out, view) :]


if __name__ == "__main__":
    main()

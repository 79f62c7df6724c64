"""Content credentials: the signed manifest that C2PA lets cameras and programs put into a file (C2PA specification 2).

Nothing is fetched: no manifest that lies elsewhere, no list of trusted signers, no certificate status. So a valid
signature says that the file was not changed since it was signed by that name; whether the name can be trusted, it does
not say.
"""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from typing import Any

import c2pa

from core.facts import Credentials
from core.media.hints import tidy
from core.types import MediaRef

log = logging.getLogger(__name__)

_MIME = {
    "jpeg": "image/jpeg", "png": "image/png", "apng": "image/png", "webp": "image/webp", "gif": "image/gif",
    "tiff": "image/tiff", "heic": "image/heic", "avif": "image/avif", "mp4": "video/mp4", "mov": "video/quicktime",
    "m4a": "audio/mp4", "mp3": "audio/mpeg", "wav": "audio/wav", "avi": "video/avi", "flac": "audio/flac",
}  # fmt: skip
_MOST = 12
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
# What every self-issued or privately issued certificate is told without a list of trusted ones.
_UNTRUSTED = "signingCredential.untrusted"


@lru_cache(maxsize=1)
def _context() -> c2pa.Context:
    return c2pa.Context(settings=c2pa.Settings.from_dict(_OFFLINE))


def read_credentials(ref: MediaRef) -> Credentials | None:
    """The content credentials in a file; None where there are none, which says nothing about the file.

    A manifest that cannot be read is told as one that is not valid.
    """
    mime = _MIME.get(ref.format)
    if mime is None:
        return None
    try:
        with ref.path.open("rb") as stream:
            reader = c2pa.Reader.try_create(mime, stream, context=_context())
            if reader is None:
                return None
            with reader:
                return parse(json.loads(reader.json()))
    except (c2pa.C2paError, OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        log.info("content credentials could not be read: %s", exc)
        return Credentials(state="unreadable") if _carries(exc) else None


def _carries(exc: Exception) -> bool:
    """Whether the fault is one of the credentials, not one of the format or the file."""
    return not any(word in type(exc).__name__ + str(exc)[:40] for word in ("NotSupported", "Io", "OSError"))


def parse(store: dict[str, Any]) -> Credentials:
    """What a manifest store says, as its reader writes it in JSON."""
    manifest = store["manifests"][store["active_manifest"]]
    signature = manifest.get("signature_info") or {}
    failures = _failures(store)
    untrusted = [code for code in failures if code.startswith(_UNTRUSTED)]
    problems = [code for code in failures if code not in untrusted]
    broken = problems or (store.get("validation_state") == "Invalid" and not untrusted)
    known = "signer known" if store.get("validation_state") == "Trusted" else "signer not checked"
    generators = manifest.get("claim_generator_info") or []
    named = [f"{g.get('name', '')} {g.get('version', '')}" for g in generators if isinstance(g, dict)]
    actions, sources = _actions(manifest)
    return Credentials(
        state="changed or not valid" if broken else f"valid, {known}",
        signer=tidy(signature.get("issuer") or signature.get("common_name")),
        signed_at=tidy(signature.get("time")),
        generator=tidy(", ".join(named) or manifest.get("claim_generator")),
        title=tidy(manifest.get("title")),
        actions=tuple(actions[:_MOST]),
        generated=any("trainedAlgorithmicMedia" in source for source in sources),
        problems=tuple(tidy(code) for code in problems[:_MOST]),
    )


def _failures(store: dict[str, Any]) -> list[str]:
    results = ((store.get("validation_results") or {}).get("activeManifest") or {}).get("failure") or []
    every = [*results, *(store.get("validation_status") or [])]
    return list(dict.fromkeys(str(item.get("code", "")) for item in every if isinstance(item, dict)))


def _actions(manifest: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What was done to the file, in words, and the kinds of source that are named."""
    told, sources = [], []
    for assertion in manifest.get("assertions") or []:
        if not str(assertion.get("label", "")).startswith("c2pa.actions"):
            continue
        for action in (assertion.get("data") or {}).get("actions") or []:
            agent = action.get("softwareAgent") or ""
            agent = agent.get("name", "") if isinstance(agent, dict) else agent
            what = str(action.get("action", "")).removeprefix("c2pa.").replace("_", " ")
            told.append(tidy(f"{what} by {agent}" if agent else what))
            sources.append(str(action.get("digitalSourceType", "")))
    return [text for text in told if text], sources

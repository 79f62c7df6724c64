"""Copying of feedback into a data set on the Hugging Face Hub, every few minutes, where token and data set are set.

Copied are the labels that stand, without who gave them, and the media whose givers consented. Nothing is copied
otherwise.
"""

from __future__ import annotations

import importlib
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import StorageError
from core.settings import Settings
from core.store.feedback import Label
from core.store.files import closed_folder
from core.store.history import Store, shared_store
from core.store.uploads import Uploads

log = logging.getLogger(__name__)

_LABELS = "labels.jsonl"


class FeedbackSync:
    """A folder that holds what may leave the server, and the scheduler that commits it.

    Args:
        settings: ``sync`` says where to and how often.
        store: the history; by default the process-wide one.

    Raises:
        StorageError: the Hub's library is missing or refuses.
    """

    def __init__(self, settings: Settings, store: Store | None = None) -> None:
        self._settings = settings
        self._store = store or shared_store(settings)
        self.folder = closed_folder(settings.data_dir / "sync")
        self._scheduler = _scheduler(settings, self.folder)

    def collect(self) -> int:
        """Bring the folder up to date; how many labels are in it."""
        labels = self._store.labels()
        with self._locked():
            text = "".join(f"{json.dumps(_bare(label), ensure_ascii=False)}\n" for label in labels)
            (self.folder / _LABELS).write_text(text, encoding="utf-8")
            self._media({label.media_sha256 for label in labels if label.consent and label.media_sha256})
        return len(labels)

    def stop(self) -> None:
        """Commit no more."""
        self._scheduler.stop()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._scheduler.lock:
            yield

    def _media(self, allowed: set[str]) -> None:
        """Exactly the media that are allowed: consent that was taken back takes the file away."""
        place = closed_folder(self.folder / "media")
        uploads = Uploads(self._settings)
        for path in [p for p in place.iterdir() if p.stem not in allowed]:
            path.unlink()
        for sha256 in sorted(allowed):
            kept = uploads.path_of(sha256)
            if kept is not None and not (place / kept.name).exists():
                shutil.copyfile(kept, place / kept.name)


def wanted(settings: Settings) -> bool:
    """Whether both token and data set are there, and going online is allowed."""
    token = settings.sync.token
    return bool(settings.sync.dataset and token is not None and token.get_secret_value() and not settings.offline)


def _scheduler(settings: Settings, folder: Path) -> Any:
    token = settings.sync.token
    try:
        hub = importlib.import_module("huggingface_hub")
        return hub.CommitScheduler(
            repo_id=settings.sync.dataset,
            repo_type="dataset",
            folder_path=folder,
            every=settings.sync.minutes,
            token=token.get_secret_value() if token is not None else None,
            private=True,
            squash_history=False,
        )
    except ImportError as exc:
        raise StorageError(
            "Feedback cannot be copied: huggingface_hub is missing.", hint="pip install huggingface_hub"
        ) from exc
    except Exception as exc:
        log.warning("the data set for feedback cannot be reached", extra={"kind": type(exc).__name__})
        raise StorageError(
            "Feedback cannot be copied: the data set cannot be reached.",
            hint="Check the settings sync.dataset and sync.token.",
        ) from exc


def _bare(label: Label) -> dict[str, Any]:
    """What of a label may leave: no reviewer; comment and hashes only with consent."""
    return {
        "analysis": label.analysis_id if label.consent else None,
        "media_sha256": label.media_sha256 if label.consent else None,
        "truth": label.truth.value,
        "said": label.label.value,
        "p_fake": label.p_fake,
        "agrees": label.agrees,
        "comment": label.comment if label.consent else "",
        "consent": label.consent,
        "created_at": label.created_at,
    }

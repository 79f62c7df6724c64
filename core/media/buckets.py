"""Objects of S3-compatible stores, through fsspec's s3fs.

What a visitor gives is a bucket and a key, no more: which buckets are read, at which endpoint and with whose
credentials stands in the settings and in the environment of whoever runs the program.
"""

from __future__ import annotations

import logging
import os
import re
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import AccessError, ConfigError, NotFoundError, UnsupportedMediaError, WorkbenchError
from core.settings import FetchSettings

log = logging.getLogger(__name__)

SCHEME = "s3://"
_LONGEST_KEY = 1024
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def read_object(
    address: str, target: Path, settings: FetchSettings, deadline: float, fits: Callable[[int], None]
) -> str:
    """Read an object into ``target``, block by block.

    Args:
        address: ``s3://bucket/key``; the key is taken as it stands, nothing in it is decoded.
        target: a path that does not exist yet.
        settings: which buckets and which store.
        deadline: by :func:`time.monotonic`.
        fits: raises where a size in bytes is too much; asked before the first byte and at every block.

    Returns:
        The last part of the key, not cleaned.

    Raises:
        AccessError: the bucket is not allowed.
        ConfigError: s3fs is not installed, or the credentials are not set.
        NotFoundError: there is no such object, or it may not be read.
        UnsupportedMediaError: this is no address of an object.
        OSError: the store failed, or time was up.
    """
    bucket, key = _allowed(address, settings)
    store = _store(settings)
    try:
        came, promised = _received(store, f"{bucket}/{key}", target, deadline, fits)
    except WorkbenchError:
        raise
    except (FileNotFoundError, PermissionError) as exc:
        raise NotFoundError(
            "The file is not there, or may not be read.", hint="Check the address: capital letters count."
        ) from exc
    except Exception as exc:  # s3fs lets through whatever botocore and aiohttp raise
        log.info("a store failed", extra={"kind": type(exc).__name__})
        raise ConnectionError("the store failed") from exc
    if promised is not None and came != promised:
        raise ConnectionError("the store ended early")
    return key.rpartition("/")[2]


def _allowed(address: str, settings: FetchSettings) -> tuple[str, str]:
    """Bucket and key of an address that may be read."""
    bucket, _, key = address[len(SCHEME) :].partition("/")
    if not settings.s3_buckets:
        raise AccessError("Addresses of the kind 's3' are not read here.", hint="Download the file and choose it here.")
    if bucket not in settings.s3_buckets:
        raise AccessError("Files of this bucket are not read here.", hint="Download the file and choose it here.")
    if not _names_a_file(key):
        raise UnsupportedMediaError(
            "This is no address of a file in a bucket.", hint="It should look like s3://bucket/folder/file.mp4."
        )
    return bucket, key


def _names_a_file(key: str) -> bool:
    """Whether no store could take a key for another one, for a folder or, as s3fs does, for a version of another."""
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in key) or "?versionId=" in key:
        return False
    parts = re.split(r"[/\\]", key)
    return bool(parts[-1]) and not {".", ".."} & set(parts) and len(key.encode()) <= _LONGEST_KEY


def _store(settings: FetchSettings) -> Any:
    """The operator's store. It is not kept: fsspec would keep one with its connections for every thread."""
    try:
        import s3fs
    except ImportError as exc:
        raise ConfigError(
            "Addresses of the kind 's3' need the package s3fs, which is not installed.",
            hint="Install it with: python -m pip install -r requirements-s3.txt",
        ) from exc
    if not settings.s3_anonymous and not all(os.environ.get(name) for name in _CREDENTIALS):
        raise ConfigError(
            "The store's credentials are not set.",
            hint=f"Set {' and '.join(_CREDENTIALS)} where the program runs, or fetch.s3_anonymous.",
        )
    return s3fs.S3FileSystem(
        anon=settings.s3_anonymous,
        endpoint_url=settings.s3_endpoint or None,
        max_concurrency=1,  # more would read parts of 50 MB side by side, in memory
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def _received(
    store: Any, path: str, target: Path, deadline: float, fits: Callable[[int], None]
) -> tuple[int, int | None]:
    """Bytes that came and that the store had promised. What still runs at the deadline is cancelled."""
    from fsspec.asyn import sync
    from fsspec.callbacks import Callback

    def left() -> float:
        return max(0.01, deadline - time.monotonic())

    facts = sync(store.loop, store._info, path, timeout=left())
    if facts["type"] != "file":
        raise FileNotFoundError(path)
    fits(int(facts["size"] or 0))
    meter = Callback(hooks={"fits": lambda size, value, **_: fits(max(size or 0, value))})
    target.open("xb").close()
    sync(store.loop, store._get_file, path, str(target), callback=meter, timeout=left())
    return target.stat().st_size, meter.size

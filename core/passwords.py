"""Passwords as hashes that are slow to guess (scrypt, RFC 7914), from Python's own library."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from core.errors import ConfigError

MIN_LENGTH = 10

_N, _R, _P = 1 << 15, 8, 1
_MEMORY = 64 * 1024 * 1024


def hash_password(password: str) -> str:
    """``scrypt:N:r:p:salt:hash`` with a fresh salt.

    Raises:
        ConfigError: shorter than :data:`MIN_LENGTH` characters.
    """
    if len(password) < MIN_LENGTH:
        raise ConfigError("The password is too short.", hint=f"Use at least {MIN_LENGTH} characters.")
    salt = secrets.token_bytes(16)
    return f"scrypt:{_N}:{_R}:{_P}:{_text(salt)}:{_text(_derived(password, salt, _N, _R, _P))}"


def is_password(password: str, stored: str) -> bool:
    """Whether ``password`` is the one behind a hash of :func:`hash_password`. Takes as long for a wrong one.

    Raises:
        ConfigError: ``stored`` is no such hash.
    """
    try:
        kind, n, r, p, salt, expected = stored.split(":")
        if kind != "scrypt":
            raise ValueError(kind)
        found = _derived(password, base64.urlsafe_b64decode(salt), int(n), int(r), int(p))
        return hmac.compare_digest(found, base64.urlsafe_b64decode(expected))
    except (ValueError, TypeError) as exc:
        raise ConfigError(
            "A stored password hash cannot be read.", hint="Make it with: python -m core.cli password."
        ) from exc


def _derived(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode("utf-8"), salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=32)


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode("ascii")

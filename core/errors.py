"""Every failure a user can meet: a message that says what happened and a hint that says what to do."""

from __future__ import annotations


class WorkbenchError(Exception):
    """Base of all expected failures.

    Args:
        message: what went wrong, one sentence in plain words.
        hint: what the user can do about it.
    """

    code = "error"

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}"

    def to_dict(self) -> dict[str, str]:
        """The same text for CLI, API and both front ends: ``{"code", "message", "hint"}``."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class EmptyMediaError(WorkbenchError):
    """The file has no bytes, or no frame and no sound in it."""

    code = "empty_media"


class UnsupportedMediaError(WorkbenchError):
    """The content is not an image, video or audio format that can be read."""

    code = "unsupported_media"


class DamagedMediaError(WorkbenchError):
    """The format is known but the content cannot be decoded."""

    code = "damaged_media"


class LimitError(WorkbenchError):
    """A limit of the settings (bytes, pixels, seconds) is exceeded."""

    code = "limit"


class ConfigError(WorkbenchError):
    """A configuration file, card or setting is wrong."""

    code = "config"


class WeightsError(WorkbenchError):
    """Weights are missing, altered, or do not fit the network they are meant for."""

    code = "weights"


class WeightsMissingError(WeightsError):
    """The weights are not on this machine; the hint says how to get or train them."""

    code = "weights_missing"


class NotFoundError(WorkbenchError):
    """A name or id that nothing answers to."""

    code = "not_found"


class StorageError(WorkbenchError):
    """History, feedback or cache could not be written or read."""

    code = "storage"


class EvidenceError(WorkbenchError):
    """A file is no evidence package that can be checked."""

    code = "evidence"


class CancelledError(WorkbenchError):
    """The analysis was stopped on request."""

    code = "cancelled"


class BusyError(WorkbenchError):
    """The queue is full, or one client asks for more than its share; ``retry_s`` says when to come back."""

    code = "busy"

    def __init__(self, message: str, *, hint: str, retry_s: float = 30.0) -> None:
        super().__init__(message, hint=hint)
        self.retry_s = retry_s


class AccessError(WorkbenchError):
    """The caller may not do this, or has not said who it is."""

    code = "access"


class InternalError(WorkbenchError):
    """An unexpected fault: the details are in the log under the id that the hint names."""

    code = "internal"

"""The REST API of the demo server: typed, versioned, with the same queue and store as the pages."""

from pages.api.app import create_api

__all__ = ["create_api"]

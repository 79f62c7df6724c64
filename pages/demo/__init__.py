"""The public demo: Gradio pages, an API and MCP tools over :mod:`core`."""

from pages.demo.site import build, mount_options, warm_up

__all__ = ["build", "mount_options", "warm_up"]

"""The public demo: ``python app.py`` serves it on http://127.0.0.1:7860."""

from core import logs
from core.settings import get_settings
from pages.server import run

if __name__ == "__main__":
    logs.configure()
    run(get_settings())

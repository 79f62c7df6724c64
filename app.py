"""The public demo: ``python app.py`` serves it on http://127.0.0.1:7860."""

from core import logs
from core.settings import get_settings
from pages.demo import build, launch_options, warm_up

demo = build(get_settings())

if __name__ == "__main__":
    logs.configure()
    warm_up()
    demo.launch(**launch_options(get_settings()))

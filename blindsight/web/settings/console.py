"""Settings of `blindsight console`, whose site may be served."""

from blindsight.web.settings.web import WebSettings
from console.settings import ConsoleSettings


class ConsoleWebSettings(WebSettings, ConsoleSettings):
    """A console that may serve its site."""

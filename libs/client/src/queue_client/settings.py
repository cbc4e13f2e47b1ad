"""Where the API is and who asks, from arguments or the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["DEFAULT_URL", "Connection"]

DEFAULT_URL = "http://localhost:8080"


@dataclass(frozen=True)
class Connection:
    """What each request needs."""

    base_url: str
    token: str | None = None
    project: str | None = None

    @classmethod
    def of(
        cls, base_url: str | None = None, token: str | None = None, project: str | None = None
    ) -> Connection:
        """Take what is given, else QUEUE_URL, QUEUE_TOKEN and QUEUE_PROJECT.

        An empty token or project is given too: none is then sent, whatever the environment has.
        """
        url = base_url or os.environ.get("QUEUE_URL") or DEFAULT_URL
        if not url.startswith(("http://", "https://")):
            msg = f"QUEUE_URL is {url!r}, should be a URL such as {DEFAULT_URL}"
            raise ValueError(msg)
        token = os.environ.get("QUEUE_TOKEN") if token is None else token
        project = os.environ.get("QUEUE_PROJECT") if project is None else project
        for name, text in (("QUEUE_TOKEN", token), ("QUEUE_PROJECT", project)):
            if text and not (text.isascii() and text.isprintable()):
                msg = f"{name} has a character that no {name.partition('_')[2].lower()} has"
                raise ValueError(msg)
        return cls(url.rstrip("/"), token or None, project or None)

    def headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        headers = {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.project:
            headers["X-Project"] = self.project
        return headers

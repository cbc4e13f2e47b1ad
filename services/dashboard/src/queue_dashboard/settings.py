"""The dashboard's settings, and the one place where its variables are read."""

from __future__ import annotations

import ipaddress
import re
import sys
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["DashboardSettings", "load"]

MIN_SECRET = 32
_HOST = re.compile(r"\*|(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_ROOT_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


def _url(value: str | None) -> str | None:
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
        msg = "should be the API's URL, such as http://localhost:8080"
        raise ValueError(msg)
    return value.rstrip("/")


def _required_url(value: str) -> str:
    return _url(value) or value


def _root_path(value: str) -> str:
    path = value.rstrip("/")
    if not _ROOT_PATH.fullmatch(path):
        msg = "should be a path such as /ui"
        raise ValueError(msg)
    return path


def _hosts(value: str | None) -> str | None:
    if value is None:
        return None
    hosts = [host.strip().lower() for host in value.split(",")]
    if not all(map(_HOST.fullmatch, hosts)):
        msg = "should be names without port, such as queue.example.com,*.internal.example"
        raise ValueError(msg)
    return ",".join(hosts)


class DashboardSettings(BaseSettings):
    """All variables the dashboard reads."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_file=".env", env_ignore_empty=True, validate_default=True
    )

    env: Literal["development", "production"] = "development"
    """``production``: a JSON object a log line; ``development``: coloured text."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least severe level that is written."""
    dashboard_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The address to listen on; ``::``: all of this machine's."""
    dashboard_port: Annotated[int, Field(ge=1, le=65535)] = 8081
    """The port to listen on."""
    dashboard_api_url: Annotated[str, AfterValidator(_required_url)] = "http://localhost:8080"
    """Where the dashboard finds the API."""
    dashboard_public_api_url: Annotated[str | None, AfterValidator(_url)] = None
    """The API's URL as users know it, for the commands that pages show; unset: the one above."""
    dashboard_root_path: Annotated[str, AfterValidator(_root_path)] = ""
    """The path below which a proxy serves the dashboard, such as ``/ui``."""
    dashboard_allowed_hosts: Annotated[str | None, AfterValidator(_hosts)] = None
    """Names that users know the dashboard by, such as ``queue.example.com,*.internal.example``.

    A request for another ``Host`` is refused; ``*`` allows each. IP addresses and ``localhost`` are
    always allowed. Default: on the loopback none, elsewhere ``*``.
    """
    dashboard_session_secret: Annotated[SecretStr | None, Field(min_length=MIN_SECRET)] = None
    """Encrypts the session cookies; the same for all dashboards behind one address. Unset: one that
    ends with the process, on the loopback alone."""
    dashboard_trusted_header: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9-]+$")] = None
    """A header in which a proxy that checks users names the user, such as ``X-Forwarded-User``."""
    dashboard_api_key: SecretStr | None = None
    """The API key for all users that DASHBOARD_TRUSTED_HEADER names."""

    @model_validator(mode="after")
    def _secret_off_the_loopback(self) -> Self:
        if self.dashboard_session_secret is None and not self.on_loopback:
            msg = (
                f"DASHBOARD_SESSION_SECRET: should be set, with at least {MIN_SECRET} random "
                f"characters, if DASHBOARD_HOST is not on the loopback"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _header_and_key_together(self) -> Self:
        if (self.dashboard_trusted_header is None) != (self.dashboard_api_key is None):
            msg = (
                "DASHBOARD_TRUSTED_HEADER: should be set together with DASHBOARD_API_KEY, the key "
                "that its users have"
            )
            raise ValueError(msg)
        return self

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches the dashboard."""
        if self.dashboard_host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.dashboard_host.strip("[]")).is_loopback
        except ValueError:
            return False

    def allowed_hosts(self) -> tuple[str, ...]:
        """Return the names, in lower case."""
        if self.dashboard_allowed_hosts is None:
            return () if self.on_loopback else ("*",)
        return tuple(self.dashboard_allowed_hosts.split(","))

    @property
    def public_api_url(self) -> str:
        """The API's URL as users know it."""
        return self.dashboard_public_api_url or self.dashboard_api_url


def load() -> DashboardSettings:
    """Read the settings, or end the process with exit code 2 and a line an error.

    A line names the variable, its value and what is allowed; values of secrets are not shown.
    """
    try:
        return DashboardSettings()
    except ValidationError as error:
        sys.stderr.writelines(f"{_explain(dict(item))}\n" for item in error.errors())
        sys.exit(2)


def _explain(error: dict[str, Any]) -> str:
    reason = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return reason
    name = str(error["loc"][0])
    secret = "SecretStr" in str(DashboardSettings.model_fields[name].annotation)
    shown = "" if secret else f"={error['input']!s}"
    return f"{name.upper()}{shown}: {reason[:1].lower()}{reason[1:]}"

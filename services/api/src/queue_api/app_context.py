"""The objects that routes work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from queue_common.signing import SigningSecrets

from .audit import AuditTrail
from .auth import Authenticator
from .http.origin import AllowedHosts
from .keys.store import KeyStore

if TYPE_CHECKING:
    from queue_common.queue import TaskQueue
    from queue_common.retry import RetryPolicy
    from queue_common.tracing.tracer import Tracing

    from .settings import ApiSettings

__all__ = ["AppContext"]


@dataclass(frozen=True, slots=True)
class AppContext:
    """The objects that all routes and the fast path share. Routes find it at ``app.state.api``."""

    settings: ApiSettings
    queue: TaskQueue
    policy: RetryPolicy
    tracing: Tracing
    allowed_hosts: AllowedHosts
    authenticator: Authenticator
    audit: AuditTrail
    keys: KeyStore
    signing: SigningSecrets

    @classmethod
    def of(cls, settings: ApiSettings, queue: TaskQueue, tracing: Tracing) -> AppContext:
        """Derive the rest from the settings."""
        allowed = AllowedHosts(settings.allowed_hosts())
        authenticator = Authenticator(settings)
        return cls(
            settings, queue, settings.retry_policy(), tracing, allowed, authenticator,
            AuditTrail(queue, settings.audit_max), KeyStore(queue, authenticator.known),
            SigningSecrets(queue, settings.default_signing_secrets(), queue.sealer),
        )  # fmt: skip

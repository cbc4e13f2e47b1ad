"""The receiver as it runs in the cluster, and what its ledgers say."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from .cluster import Namespace

__all__ = ["IMAGE", "Arrival", "Ledger", "Receiver"]

IMAGE = "queue-e2e-receiver:1"
MANIFEST = Path(__file__).parents[1] / "receiver" / "manifest.yaml"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as it arrived."""

    task_id: str | None
    attempt: int
    at: float
    """Seconds since the epoch, by the receiver's clock."""
    method: str
    body: str
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Receiver:
    """A destination within the cluster."""

    namespace: Namespace

    @staticmethod
    async def start(namespace: Namespace) -> Receiver:
        """Run a receiver in a namespace and wait until it serves."""
        await namespace.apply(MANIFEST.read_text())
        await namespace.kubectl("rollout", "status", "deployment/receiver", "--timeout=120s")
        return Receiver(namespace)

    @property
    def host(self) -> str:
        """The name that pods of other namespaces know it by."""
        return f"receiver.{self.namespace.name}.svc.cluster.local"

    def ledger(self) -> Ledger:
        """Return a new, empty ledger."""
        return Ledger(self, uuid.uuid4().hex[:12])


@dataclass(frozen=True, slots=True)
class Ledger:
    """What arrived at one URL of the receiver."""

    receiver: Receiver
    name: str

    def url(self, **wishes: str | float) -> str:
        """Return the URL, within the namespace; wishes are those of the receiver's query."""
        query = f"?{urlencode(wishes)}" if wishes else ""
        return f"http://receiver:8080/to/{self.name}{query}"

    async def arrivals(self) -> list[Arrival]:
        """Return all requests in the order of their arrival."""
        response = await self.receiver.namespace.service("receiver", 8080, f"ledgers/{self.name}")
        response.raise_for_status()
        return [Arrival(**entry) for entry in response.json()]

    async def of(self, task_id: str) -> list[Arrival]:
        """Return the requests of one task."""
        return [arrival for arrival in await self.arrivals() if arrival.task_id == task_id]

    async def counts(self) -> Counter[str | None]:
        """Return how often each task arrived."""
        return Counter(arrival.task_id for arrival in await self.arrivals())

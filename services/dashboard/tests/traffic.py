"""Traffic as an installation has it, for pictures of the dashboard."""

from __future__ import annotations

import asyncio
import random
import time
import uuid

from queue_client import AsyncQueueClient, NewTask, Retry
from queue_testing.receiver import CannedResponse, Receiver

__all__ = ["PLACES", "send_traffic"]

PLACES = {
    "/shop/orders": ("shop.example.com:443", [200] * 30 + [503], 0.02),
    "/billing/invoices": ("billing.example.com:443", [200], 0.06),
    "/crm/contacts": ("crm.example.com:443", [200] * 12 + [404], 0.12),
    "/mail/send": ("mail.example.com:443", [202], 0.03),
    "/partner/events": ("partner.example.net:443", [503], 0.2),
    "/legacy/hooks": ("legacy.example.org:443", [200, 410, 410], 0.08),
}
"""By path: the lane, the answers in turn, the seconds an answer takes."""


def _answers(path: str) -> list[CannedResponse]:
    _, statuses, seconds = PLACES[path]
    headers = {"Content-Type": "application/json", "X-Request-Id": "7f3a"}
    body = b'{"error": "the partner is down for maintenance until 02:00"}'
    return [
        CannedResponse(status, headers, body if status > 299 else b'{"ok": true}', seconds)
        for status in statuses * 200
    ]


async def send_traffic(client: AsyncQueueClient, receiver: Receiver, seconds: float) -> None:
    """Send a few tasks a second to every place, in waves."""
    for path in PLACES:
        receiver.respond_with(path, _answers(path))
    chance = random.Random(7)  # noqa: S311 - the same pictures each time
    began = time.monotonic()
    while (at := time.monotonic() - began) < seconds:
        wave = 1.4 + (at // 20 % 3) * 0.5
        tasks = [
            _task(receiver, path, chance)
            for path in PLACES
            for _ in range(round(wave * chance.uniform(1, 4)))
        ]
        async for _ in client.send_batch(tasks):
            pass
        await asyncio.sleep(0.5)


def _task(receiver: Receiver, path: str, chance: random.Random) -> NewTask:
    number = chance.randrange(10_000, 99_999)
    name = f"{path[1:].replace('/', '-')}-{uuid.uuid4().hex[:8]}"
    dying = path == "/legacy/hooks"
    return NewTask(
        f"{receiver.url}{path}", body={"id": number, "event": "order.paid", "total": 42.5},
        headers={"Content-Type": "application/json", "Authorization": "Bearer s3cret"},
        lane=PLACES[path][0], idempotency_key=name,
        labels={"customer": str(40 + number % 5), "event": "order.paid"},
        retry=Retry(strategy="constant", interval="1s", max_attempts=2)
        if dying
        else Retry(strategy="exponential", interval="5s", max_interval="10m"),
    )  # fmt: skip

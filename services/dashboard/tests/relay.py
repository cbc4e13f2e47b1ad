"""A relay in front of the API that counts the streams of events."""

from __future__ import annotations

from queue_testing.network.relay import CHUNK_BYTES, Connection, Relay

__all__ = ["CountingRelay"]

EVENTS = b"GET /api/v1/events"


class CountingRelay(Relay):
    """Relays connections, and counts those on which a stream of events was asked for."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.streams = 0
        """Streams of events that are open."""
        self.most = 0
        """Max streams that were open at a time."""

    async def _forward(self, connection: Connection) -> None:
        streams = 0
        try:
            while received := await connection.client.read(CHUNK_BYTES):
                if EVENTS in received:
                    streams = 1
                    self.streams += 1
                    self.most = max(self.most, self.streams)
                connection.to_server.write(received)
        finally:
            self.streams -= streams

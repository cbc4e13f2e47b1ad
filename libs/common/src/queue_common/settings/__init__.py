"""Settings: groups of environment variables, how they are read, and how they are explained."""

from .command_line import load, read_command_line
from .groups import (
    Duration,
    Environment,
    LogSettings,
    QueueSettings,
    RedisSettings,
    RetrySettings,
    Settings,
    Size,
)

__all__ = [
    "Duration",
    "Environment",
    "LogSettings",
    "QueueSettings",
    "RedisSettings",
    "RetrySettings",
    "Settings",
    "Size",
    "load",
    "read_command_line",
]

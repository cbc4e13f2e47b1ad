"""What ``queue listen`` does: takes deliveries, makes them here, tells how they went."""

from .run import run

__all__ = ["run"]

"""The activity of the queue, as stats over time and as events."""

from .recorder import Activity
from .rings import Rings, Series, SeriesPoint

__all__ = ["Activity", "Rings", "Series", "SeriesPoint"]

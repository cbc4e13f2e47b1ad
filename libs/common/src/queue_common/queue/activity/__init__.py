"""The activity of the queue, as stats over time and as events."""

from .events import Death, EventPublisher
from .recorder import Activity
from .rings import Rings, Series, SeriesPoint
from .watching import EventHub

__all__ = ["Activity", "Death", "EventHub", "EventPublisher", "Rings", "Series", "SeriesPoint"]

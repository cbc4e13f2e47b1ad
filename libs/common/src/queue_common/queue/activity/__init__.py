"""What happens in the queue, told in numbers and as events: for those who look on."""

from .recorder import Activity
from .rings import Rings, Series, SeriesPoint

__all__ = ["Activity", "Rings", "Series", "SeriesPoint"]

"""The endpoints of the API, declared once for both clients."""

from .access import AccessEndpoints
from .lanes import LaneEndpoints
from .listeners import ListenerEndpoints
from .operations import OperationEndpoints
from .stats import StatsEndpoints
from .tasks import TaskEndpoints

__all__ = ["Endpoints"]


class Endpoints(
    TaskEndpoints, OperationEndpoints, LaneEndpoints, StatsEndpoints, AccessEndpoints,
    ListenerEndpoints,
):  # fmt: skip
    """All of them."""

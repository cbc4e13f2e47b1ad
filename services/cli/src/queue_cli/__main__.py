"""``python -m queue_cli``."""

from .main import main

main()

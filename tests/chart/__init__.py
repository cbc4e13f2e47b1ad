"""The chart, rendered and checked: ``make chart-test``. tests/e2e sees it on a real cluster."""

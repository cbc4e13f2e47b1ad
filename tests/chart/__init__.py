"""The chart, rendered and checked: ``make chart-test``. On a real cluster it is tests/e2e's part."""

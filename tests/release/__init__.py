"""What `make release` makes, and the workflows that call it: ``make release-test``."""

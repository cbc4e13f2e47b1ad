"""Exported spans and metrics, as a collector or Jaeger receives them."""

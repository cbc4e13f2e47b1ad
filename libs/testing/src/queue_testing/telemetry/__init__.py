"""What processes export: spans and metrics, as a collector or Jaeger has them."""

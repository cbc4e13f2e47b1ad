"""What the tests drive: the cluster, a release of the chart, its API, a receiver, Jaeger."""

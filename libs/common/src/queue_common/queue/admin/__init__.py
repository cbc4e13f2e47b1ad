"""What operators and clients do with tasks and lanes: read, page, count, change."""

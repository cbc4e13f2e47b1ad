"""Projects: weights, limits and use."""

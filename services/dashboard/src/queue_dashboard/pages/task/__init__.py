"""A task: what it is, how its attempts went, what can be done with it."""

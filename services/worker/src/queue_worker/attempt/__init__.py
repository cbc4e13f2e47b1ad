"""One attempt at a task: deliver it, decide what follows, settle it, record its spans."""

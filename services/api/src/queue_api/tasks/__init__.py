"""The routes of tasks: from a request's body to the queue, and back to what a client is told."""

"""The routes of tasks: from a request's body to the queue, and from the queue to a response."""

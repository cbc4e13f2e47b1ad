"""``POST /api/v1/tasks/batch``: many tasks in one request."""

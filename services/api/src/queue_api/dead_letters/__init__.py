"""The routes of dead letters: grouping and deleting."""

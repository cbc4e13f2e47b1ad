"""Keys, projects and the audit, for admins."""

"""Events of a project as they happen, over Server-Sent Events."""

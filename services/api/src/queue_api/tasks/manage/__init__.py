"""The routes that manage tasks: list, read, cancel, run, replay."""

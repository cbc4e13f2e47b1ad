"""Operations on many tasks: cancel, run, replay or delete all that a filter accepts."""

"""What is done with tasks once they are there: list, look at, cancel, run, replay."""

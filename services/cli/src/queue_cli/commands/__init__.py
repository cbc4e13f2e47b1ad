"""Commands about tasks and lanes, one module each."""

"""Commands for the scope admin."""

"""Dead letters: what they have in common, and the end of one."""

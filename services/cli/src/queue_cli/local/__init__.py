"""Commands about this machine: profiles, signatures, files."""

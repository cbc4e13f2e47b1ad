"""Keys that are created, listed and revoked over the API."""

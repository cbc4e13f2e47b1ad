"""Keys that are made, listed and revoked over the API."""

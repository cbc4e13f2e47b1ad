"""The command line of Queue System; it knows the API alone, through the client."""

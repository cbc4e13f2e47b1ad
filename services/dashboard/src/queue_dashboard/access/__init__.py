"""Who asks: session cookies, login, the checks of every request."""

"""Events: one stream from the API for each caller, passed on to any number of open pages."""

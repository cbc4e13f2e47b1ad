"""Reading, listing, counting and changing tasks and lanes, for clients and operators."""

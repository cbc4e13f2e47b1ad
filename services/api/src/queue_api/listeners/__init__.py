"""Listeners: a client, such as ``queue listen``, that takes a lane's deliveries."""

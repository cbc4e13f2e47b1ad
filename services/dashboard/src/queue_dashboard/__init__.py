"""The dashboard: web pages over the API of Queue System.

``access`` knows who asks, ``view`` renders, ``live`` passes events on, ``pages`` holds the routes.
It talks to the API through ``queue_client`` alone: all that it does can be done by API.
"""

"""What the API and the worker must agree on.

``task`` defines tasks and attempts, ``retry`` decides what follows an attempt, ``queue`` stores
tasks in Redis, ``settings`` has the variables that both processes read, ``logs`` the names of log
events, ``errors`` the failures, each named by what the caller must do.
"""

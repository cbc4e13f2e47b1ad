"""The delivering side: claims tasks, makes their requests, settles them.

``app`` runs the loop. ``process`` is one attempt from claim to settlement: ``deliver`` makes the
request over ``transport``, ``queue_common.retry`` decides, ``settle`` writes what was decided.
"""

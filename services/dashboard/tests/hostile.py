"""What an attacker puts into tasks and answers."""

from __future__ import annotations

__all__ = ["BODY", "EXCERPT", "HEADERS", "LABELS", "PATH", "URL_QUERY"]

SCRIPT = "<script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=\"document.title='owned'\">"
OVERRIDE = "\u202egnp.exe\u2066"

PATH = "/hostile/'\"%3Cscript%3E"
URL_QUERY = "?a=%3Cscript%3E&b=%E2%80%AE"
HEADERS = {"X-Html": SCRIPT, "X-Quote": "\"'><b>", "X-Template": "{{ 7 * 7 }}{% raw %}"}
LABELS = {"html": f"{SCRIPT}", "turned": OVERRIDE}
BODY = f"{SCRIPT}{IMAGE}{OVERRIDE}\x00\x07</pre></textarea></body>" + "x" * 900_000 + "\nend"
EXCERPT = f"{IMAGE}{SCRIPT}\x00\u202e" + "y" * 1200

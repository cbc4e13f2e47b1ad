"""Generate what is missing in Secrets of this namespace; what is there stays as it is."""

import base64
import json
import os
import secrets
import ssl
import string
import sys
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
ALPHABET = string.ascii_letters + string.digits
CONTEXT = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")


def random_text(length: int) -> str:
    """Return random letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new_value(kind: str) -> str:
    """Return a new password, or a new root key of the API."""
    return f"root_{random_text(43)}" if kind == "root-key" else random_text(40)


def call(name: str, change: object = None) -> dict[str, object]:
    """GET a Secret, or change it by a merge patch."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    url = f"https://{host}:{port}/api/v1/namespaces/{os.environ['NAMESPACE']}/secrets/{name}"
    with open(f"{ACCOUNT}/token") as file:
        headers = {"Authorization": f"Bearer {file.read().strip()}"}
    headers["Content-Type"] = "application/merge-patch+json"
    body = None if change is None else json.dumps(change).encode()
    method = "GET" if body is None else "PATCH"
    request = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=10, context=CONTEXT) as response:
        return dict(json.load(response))


for wanted in json.loads(os.environ["SECRETS"]):
    name, key = wanted["secret"], wanted["key"]
    found = call(name)
    if (found.get("data") or {}).get(key):
        sys.stdout.write(f"Secret {name} has {key}\n")
        continue
    value = base64.b64encode(new_value(wanted["kind"]).encode()).decode()
    # The version makes the API server refuse the patch if somebody else has filled it meanwhile.
    version = found["metadata"]["resourceVersion"]
    call(name, {"metadata": {"resourceVersion": version}, "data": {key: value}})
    sys.stdout.write(f"generated {key} of Secret {name}\n")

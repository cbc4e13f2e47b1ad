from __future__ import annotations

import json
import re
from pathlib import Path

from ..harness.commands import run
from ..harness.suite import Suite
from ..harness.system import System


async def test_the_notes_curl_works_as_pasted(suite: Suite, system: System, tmp_path: Path) -> None:
    """The first command that the chart tells its user after the installation creates a task."""
    notes = await system.release.notes()
    # What DNS does for a user's host: it leads to the ingress controller.
    address = suite.settings.ingress_url.partition("://")[2]
    (tmp_path / ".curlrc").write_text(f'connect-to = "::{address}"\nsilent\n')

    key = re.search(r"^  (export QUEUE_TOKEN=(?:.*\\\n)*.*)$", notes, re.MULTILINE)
    found = re.search(r"^  (curl (?:.*\\\n)*.*)$", notes, re.MULTILINE)
    assert key, notes
    assert found, notes
    where = f"export KUBECONFIG='{suite.cluster.kubeconfig}' CURL_HOME='{tmp_path}'"
    response = await run("sh", "-c", f"{where}\n{key[1]}\n{found[1]}")

    view = await system.api.get_task(json.loads(response)["task_id"])
    assert system.release.host in found[1]
    assert view["method"] == "GET"

"""Images: from the Docker engine here into the cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..settings import ROOT
from . import receiver
from .commands import CommandError, run
from .release import CHART

if TYPE_CHECKING:
    from ..settings import SuiteSettings

__all__ = ["chart_images", "load_images"]


async def load_images(settings: SuiteSettings, images: set[str]) -> None:
    """Build the receiver and load it with those of ``images`` that the engine here has.

    The cluster pulls the others, as it would for a user.
    """
    context = ROOT / "tests" / "e2e" / "receiver"
    await run(
        *("docker", "build", "--quiet", "--tag", receiver.IMAGE),
        *(*settings.build_flags, str(context)),
        timeout_seconds=600,
    )
    here = [image for image in sorted(images) if await _is_here(image)]
    await run(*settings.load_command, receiver.IMAGE, *here, timeout_seconds=600)


async def chart_images() -> set[str]:
    """Return the images that the chart's defaults, with Jaeger, would run."""
    settings = "jaeger.enabled=true,redis.auth.existingSecret=any"
    rendered = await run("helm", "template", "queue", str(CHART), "--set", settings)
    return set(re.findall(r"^\s*(?:- )?image: [\"']?([^\s\"']+)", rendered, re.MULTILINE))


async def _is_here(image: str) -> bool:
    try:
        await run("docker", "image", "inspect", "--format", "{{.Id}}", image)
    except CommandError:
        return False
    return True

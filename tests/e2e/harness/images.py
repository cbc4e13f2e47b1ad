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

__all__ = ["images_of", "load_images", "load_what_is_here"]


async def load_images(settings: SuiteSettings) -> None:
    """Build the receiver, and load it and what the chart's defaults, with Jaeger, would run."""
    context = ROOT / "tests" / "e2e" / "receiver"
    await run(
        *("docker", "build", "--quiet", "--tag", receiver.IMAGE),
        *(*settings.build_flags, str(context)),
        timeout_seconds=600,
    )
    await load_what_is_here(settings, {receiver.IMAGE, *await _chart_images()})


async def load_what_is_here(settings: SuiteSettings, images: set[str]) -> None:
    """Load those of ``images`` that the engine here has; the cluster pulls the others."""
    here = [image for image in sorted(images) if await _is_here(image)]
    if here:
        await run(*settings.load_command, *here, timeout_seconds=600)


async def _chart_images() -> set[str]:
    settings = "jaeger.enabled=true,dashboard.enabled=true,redis.auth.existingSecret=any"
    return images_of(await run("helm", "template", "queue", str(CHART), "--set", settings))


def images_of(manifests: str) -> set[str]:
    """Return the images that manifests name."""
    return set(re.findall(r"^\s*(?:- )?image: [\"']?([^\s\"']+)", manifests, re.MULTILINE))


async def _is_here(image: str) -> bool:
    try:
        await run("docker", "image", "inspect", "--format", "{{.Id}}", image)
    except CommandError:
        return False
    return True

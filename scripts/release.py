"""Make what a release consists of, into dist/: ``make release``.

The packaged chart, lists of requirements with hashes, the release's text and the checksums of all
files; wheels, SBOMs and images are there already. With a registry, images and chart are pushed to
it, and signed if cosign is here and COSIGN_KEY names its key.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
CHART = ROOT / "charts/queue-system"
PLACEHOLDER = "https://queue-system.example.com"
LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/|$)")
CHANGES = re.compile(
    r"^## \[?v?(?P<title>[^\]\n]+)\]?.*\n(?P<text>(?:(?!^## ).*\n?)*)", re.MULTILINE
)


@dataclass(frozen=True)
class Part:
    """A distribution of this repository."""

    folder: Path
    name: str
    version: str

    @property
    def has_image(self) -> bool:
        """Say whether it is a service with an image."""
        return (self.folder / "Dockerfile").exists()


def run(*command: str | Path) -> str:
    """Run a command and return what it prints; its errors are shown."""
    words = [str(word) for word in command]
    done = subprocess.run(  # noqa: S603
        words, cwd=ROOT, text=True, stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


def parts() -> list[Part]:
    """Return all distributions, libraries first."""
    found = []
    for manifest in (*sorted(ROOT.glob("libs/*/pyproject.toml")), *services()):
        project = tomllib.loads(manifest.read_text())["project"]
        found.append(Part(manifest.parent, project["name"], project["version"]))
    return found


def services() -> list[Path]:
    """Return the services' manifests."""
    return sorted(ROOT.glob("services/*/pyproject.toml"))


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_requirements(part: Part, known: dict[Path, Part]) -> None:
    """Write all that a service needs, ours too, with the hashes that pip then asks for."""
    export = ("export", "--quiet", "--frozen", "--no-dev", "--no-header", "--no-annotate")
    lines = run(ROOT / ".tools/bin/uv", *export, "--package", part.name).splitlines()
    third_parties = [line for line in lines if not re.match(r"(-e )?\./?", line)]
    folders = [re.sub(r"^(-e )?", "", line) for line in lines if re.match(r"(-e )?\./?", line)]
    ours = [part, *(known[(ROOT / folder).resolve()] for folder in folders if folder != ".")]
    for each in {each.name: each for each in ours}.values():
        (wheel,) = DIST.glob(f"{each.name.replace('-', '_')}-{each.version}-*.whl")
        third_parties.append(f"{each.name}=={each.version} --hash=sha256:{digest(wheel)}")
    (DIST / f"{part.name}.requirements.txt").write_text("\n".join(third_parties) + "\n")


def changes(folder: Path, version: str) -> str:
    """Return a changelog's entries of a version; those of *Unreleased* if it has none yet."""
    text = (folder / "CHANGELOG.md").read_text()
    sections = {m["title"].split(" ")[0]: m["text"].strip() for m in CHANGES.finditer(text)}
    return sections.get(version) or sections.get("Unreleased", "")


def write_text(known: list[Part], chart_version: str) -> None:
    """Write the text of the release: the changelogs' entries, the chart's first."""
    entries = [("chart queue-system", chart_version, changes(CHART, chart_version))]
    entries += [(part.name, part.version, changes(part.folder, part.version)) for part in known]
    lines = []
    for name, version, text in entries:
        if text:
            lines += [f"## {name} {version}", "", re.sub(r"(?m)^### ", "#### ", text), ""]
    (DIST / "RELEASE.md").write_text("\n".join(lines))


def package_chart(registry: str, source: str) -> Path:
    """Package the chart, with the registry's images and the repository's addresses in it."""
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "queue-system"
        shutil.copytree(CHART, copy)
        for name in ("Chart.yaml", "values.yaml"):
            text = (copy / name).read_text().replace(PLACEHOLDER, source or PLACEHOLDER)
            prefix = f"{registry}/" if registry else ""
            text = re.sub(r"(repository: |image: \"?)queue-", rf"\g<1>{prefix}queue-", text)
            (copy / name).write_text(text)
        run(helm(), "package", copy, "--destination", DIST)
    return DIST / f"queue-system-{about['version']}.tgz"


def helm() -> str:
    """Return Helm: that on PATH, or that of ``make chart-tools``."""
    found = shutil.which("helm") or shutil.which("helm", path=str(ROOT / ".tools/chart"))
    if not found:
        sys.exit("no helm: put it on PATH, or `make chart-tools`")
    return found


def push_chart(package: Path, registry: str) -> str:
    """Push the chart to REGISTRY/charts and return its reference by digest."""
    plain = ["--plain-http"] if LOOPBACK.match(registry) else []
    command = [helm(), "push", str(package), f"oci://{registry}/charts", *plain]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r"sha256:[0-9a-f]{64}", done.stdout + done.stderr)
    if done.returncode or not found:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr}")
    return f"{registry}/charts/queue-system@{found[0]}"


def push_image(part: Part, registry: str, platforms: str) -> str:
    """Push a service's image and return its reference by digest.

    For several platforms buildx builds it, with an SBOM and its provenance in the registry.
    """
    name = f"{registry}/{part.name}"
    if platforms:
        build_for(part, platforms, "--push", "--tag", f"{name}:{part.version}")
        shown = run("docker", "buildx", "imagetools", "inspect", f"{name}:{part.version}")
        found = re.search(r"Digest:\s+(sha256:\w+)", shown)
        return f"{name}@{found[1]}" if found else name
    run("docker", "tag", f"{part.name}:{part.version}", f"{name}:{part.version}")
    shown = run("docker", "push", f"{name}:{part.version}")
    found = re.search(r"digest: (sha256:\w+)", shown)
    return f"{name}@{found[1]}" if found else name


def build_for(part: Part, platforms: str, *options: str) -> None:
    """Build a service's image for several platforms."""
    arguments = {"VERSION": part.version, "REVISION": run("git", "rev-parse", "HEAD").strip()}
    built = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    flags = os.environ.get("DOCKER_BUILD_FLAGS", "").split()
    run(
        "docker", "buildx", "build", "--platform", platforms, "--sbom=true", "--provenance=true",
        "--file", part.folder / "Dockerfile", *built, *flags, *options, ROOT,
    )  # fmt: skip


def sign(references: list[str]) -> None:
    """Sign what was pushed, and the checksums, by cosign."""
    key = os.environ.get("COSIGN_KEY")
    if not key or not shutil.which("cosign"):
        sys.stdout.write("not signed: needs cosign on PATH, and COSIGN_KEY\n")
        return
    common = ("--yes", "--key", key, *os.environ.get("COSIGN_FLAGS", "").split())
    for reference in references:
        insecure = ["--allow-http-registry"] if LOOPBACK.match(reference) else []
        run("cosign", "sign", *common, *insecure, reference)
    sums = DIST / "SHA256SUMS"
    run("cosign", "sign-blob", *common, "--output-signature", f"{sums}.sig", sums)


def files() -> list[Path]:
    """Return what a release consists of; what only tests need is no part of it."""
    for path in DIST.glob("queue_testing-*"):
        path.unlink()
    return sorted(path for path in DIST.glob("[!.]*") if not path.name.startswith("SHA256SUMS"))


def write_checksums() -> None:
    """Write the SHA-256 of each file, as ``sha256sum --check`` reads them."""
    text = "".join(f"{digest(path)}  {path.name}\n" for path in files())
    (DIST / "SHA256SUMS").write_text(text)


def main() -> None:
    """Make the release, and tell what was pushed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--registry", default="", help="such as registry.example.com/queue")
    parser.add_argument("--platforms", default="", help="such as linux/amd64,linux/arm64")
    parser.add_argument("--source", default="", help="the address of the source repository")
    parser.add_argument("--no-images", action="store_true", help="push the chart alone")
    wishes = parser.parse_args()
    known = parts()
    with_image = [part for part in known if part.has_image]
    for part in with_image:
        write_requirements(part, {each.folder.resolve(): each for each in known})
    package = package_chart(wishes.registry, wishes.source)
    write_text(known, package.stem.removeprefix("queue-system-"))
    write_checksums()
    pushed = []
    if wishes.registry:
        images = [] if wishes.no_images else with_image
        pushed = [push_image(part, wishes.registry, wishes.platforms) for part in images]
        pushed.append(push_chart(package, wishes.registry))
        sign(pushed)
    made = [f"dist/{path.name}" for path in sorted(DIST.glob("[!.]*"))]
    sys.stdout.write("\n".join([*made, *(f"pushed {each}" for each in pushed)]) + "\n")


if __name__ == "__main__":
    main()

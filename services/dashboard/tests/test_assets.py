from __future__ import annotations

import re
from importlib import resources

from queue_dashboard.view.assets import Assets


def test_names_hold_the_content() -> None:
    """A static file's name has a hash of its content, so browsers may keep it."""
    assert re.fullmatch(r"app\.[0-9a-f]{12}\.js", Assets().name("app.js"))


def test_templates_hold_no_script_and_no_style() -> None:
    """No template has script or style of its own: the pages' policy would refuse it."""
    templates = resources.files("queue_dashboard") / "templates"
    for template in templates.iterdir():
        text = template.read_text()
        for tag in re.findall(r"<script[^>]*>", text):
            assert "src=" in tag
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), template.name


def test_vendored_files_have_their_licences() -> None:
    """Each vendored library lies beside its licence."""
    vendored = resources.files("queue_dashboard") / "static" / "vendor"
    names = {entry.name for entry in vendored.iterdir()}
    for script in (name for name in names if name.endswith(".js")):
        assert f"{script.split('-')[0]}.LICENSE" in names

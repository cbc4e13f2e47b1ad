"""What is written, and how."""

from .emit import Column, Output, OutputOption, StreamOption, console, done, emit, emit_all, note

__all__ = [
    "Column", "Output", "OutputOption", "StreamOption", "console", "done", "emit", "emit_all",
    "note",
]  # fmt: skip

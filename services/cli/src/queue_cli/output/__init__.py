"""What is written, and how."""

from .emit import Column, Output, OutputOption, console, emit, emit_all, note

__all__ = ["Column", "Output", "OutputOption", "console", "emit", "emit_all", "note"]

"""Forms: read within bounds, and only with the session's CSRF token."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.requests import Request

    from .session import Session

__all__ = ["CSRF_FIELD", "Form", "FormError", "read_form"]

CSRF_FIELD = "csrf"
MAX_BYTES = 4 << 20
"""More than a task's largest body by default, each byte of it percent-encoded."""
MAX_FIELDS = 100


class FormError(Exception):
    """The form is not ours, or too large."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Form(dict[str, str]):
    """A form's fields; of a name that comes twice, the last."""

    def text(self, name: str) -> str | None:
        """Return a field without blanks around it; None if it is empty or absent."""
        return self.get(name, "").strip() or None

    def number(self, name: str) -> float | None:
        """Return a field as a number; raises FormError if it is none."""
        text = self.text(name)
        try:
            return None if text is None else float(text)
        except ValueError as error:
            raise FormError(422, f"{name}: should be a number, not {text!r}") from error

    def whole(self, name: str) -> int | None:
        """Return a field as a whole number; raises FormError if it is none."""
        number = self.number(name)
        if number is not None and not number.is_integer():
            raise FormError(422, f"{name}: should be a whole number")
        return None if number is None else int(number)


async def read_form(request: Request, session: Session | None) -> Form:
    """Return the form; raises FormError if it does not carry the session's token."""
    content = bytearray()
    async for received in request.stream():
        content += received
        if len(content) > MAX_BYTES:
            raise FormError(413, "The form is larger than 4 MiB.")
    try:
        fields = parse_qs(
            content.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS,
            errors="strict",
        )  # fmt: skip
    except ValueError as error:
        raise FormError(400, "The form cannot be read.") from error
    form = Form((name, values[-1]) for name, values in fields.items())
    given = form.pop(CSRF_FIELD, "")
    if session is None or not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise FormError(403, "The form is too old, or was not made here. Load the page again.")
    return form

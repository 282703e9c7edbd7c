"""Images and files by their URLs."""

from __future__ import annotations

from typing import Any

from procy.parse.wire.fields import refused, text


def inline(url: str) -> tuple[str, str] | None:
    """Media type and base64 of a data URL, None of another one."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    return head[len("data:") : -len(";base64")].split(";")[0], data


def data_url(media_type: str, data: str) -> str:
    return f"data:{media_type};base64,{data}"


def checked(url: str, field: str) -> str:
    """An address that any wire can carry."""
    if not url.startswith(("data:", "https://", "http://")):
        raise refused(field, "is no address of an image or file", "Send its content as base64.")
    return url


def detail(value: Any, field: str) -> str:
    """How closely to look at an image; "" is the default of the wires that say it."""
    found = text(value, field)
    return "" if found == "auto" else found

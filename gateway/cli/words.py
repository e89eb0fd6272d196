"""Words for states, precedences and times, in the language in force. JSON keeps the English log words."""

from __future__ import annotations

from gateway.messages.translate import tr


def state_word(state: str) -> str:
    """Return a bundle's or link's state as a person reads it; an unknown one as it is."""
    words = {
        "queued": tr("queued"),
        "handed": tr("handed to the device, no answer yet"),
        "sent": tr("sent, nobody has confirmed it"),
        "relayed": tr("relayed by the network"),
        "refused": tr("refused by every link so far"),
        "delivered": tr("delivered"),
        "answered": tr("answered"),
        "expired": tr("expired"),
        "shed": tr("shed"),
        "unavailable": tr("unavailable"),
        "available": tr("available"),
        "opening": tr("opening"),
        "open": tr("open"),
        "busy": tr("busy"),
    }
    return words.get(state, state)


def precedence_word(name: str) -> str:
    """Return a precedence with its GB/T 37230 colour; the colour is never the only sign."""
    words = {
        "FLASH": tr("FLASH (red)"),
        "IMMEDIATE": tr("IMMEDIATE (orange)"),
        "PRIORITY": tr("PRIORITY (yellow)"),
        "ROUTINE": tr("ROUTINE (blue)"),
    }
    return words.get(name, name)


def span_word(seconds: float | None) -> str:
    """Return a time span with two figures at most: ``45 s``, ``3 min``, ``2 h 10 min``, ``5 d 3 h``."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"

"""The root of every exception photoseek raises on purpose."""

from __future__ import annotations


class PhotoseekError(Exception):
    """Base of all errors meant for people; its text is one line."""

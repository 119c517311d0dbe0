"""All kinds of text: `KINDS` maps each name to its family and to the function that makes a text of it with a `Maker`."""
from .registry import KINDS
from . import shell, cloud, files, settings, devices, tables, members, code, logs, prose  # noqa: F401 (they register)

__all__ = ["KINDS"]

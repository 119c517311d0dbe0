"""The gateway's table of places, read as it is: what the providers' APIs mean by a member, by where it stands."""

import functools
import json
import pathlib
import tomllib

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "dataplane/shield/places"


def rows():
    for file in sorted(FOLDER.glob("*.toml")):
        table = tomllib.loads(file.read_text())
        for row in table["place"]:
            yield table.get("roots", [""]), row


@functools.cache
def roles():
    """The role of each path, such as `messages[].role`."""
    found = {}
    for roots, row in rows():
        for root in roots:
            for path in row.get("paths", []):
                found.setdefault(f"{root}.{path}" if root else path, row["role"])
    return found


def role(path):
    """The role of the place; None where it is text."""
    return roles().get(path) or roles().get(path.rpartition(".")[0] + ".*")


def words():
    """The names of members that lead to places of structure."""
    paths = [path for path, role in roles().items() if role == "structure"]
    return {name for path in paths for name in path.replace("[]", "").split(".") if name != "*"}


def leaves(document, path=""):
    """Path and text of every string in it."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(document, list):
        for value in document:
            yield from leaves(value, f"{path}[]")
    elif isinstance(document, str):
        yield path, document


def filled(document, free, text):
    """The same document with `text` where it says `free`."""
    return json.loads(json.dumps(document).replace(json.dumps(free), json.dumps(text)))

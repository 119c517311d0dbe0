"""The SDKs' own types of requests: what they accept, and requests that hold every word they know at its place.

The types are taken as they are, but for two things that pydantic leaves to whoever makes the check: members that a type
does not name are refused, and `Iterable` is read at once, not when somebody asks for its items.
"""

import collections.abc
import enum
import json
import os
import types
import typing
import warnings

import pydantic
import typing_extensions

# Stands for every text that a caller may choose freely.
FREE = "@"

# What stands where a type takes any object: the schema of a tool's input, mostly.
ANY_OBJECT = {"type": "object", "properties": {"city": {"type": "string", "description": FREE}}, "required": ["city"]}

SIMPLE = {
    str: [FREE],
    int: [1],
    float: [0.5],
    bool: [True],
    bytes: ["AAAA"],
    object: [ANY_OBJECT],
    typing.Any: [ANY_OBJECT],
    dict: [ANY_OBJECT],
}

REQUIRED = {typing.Required, typing_extensions.Required}
NOT_REQUIRED = {typing.NotRequired, typing_extensions.NotRequired}
WRAPPERS = (*REQUIRED, *NOT_REQUIRED, typing.Annotated)
LISTS = (list, collections.abc.Iterable, collections.abc.Sequence)
MAPS = (dict, collections.abc.Mapping)
STRICT = pydantic.ConfigDict(extra="forbid", strict=True)


def bare(kind):
    """The type without what is said about it."""
    while typing_extensions.get_origin(kind) in WRAPPERS:
        kind = typing_extensions.get_args(kind)[0]
    return kind


def is_union(kind):
    return typing_extensions.get_origin(kind) in (typing.Union, types.UnionType)


def alternatives(kind):
    """What a union takes on the wire. Files are read by the SDK before, and a reply's own objects are not as strict as what
    stands for them in a request."""
    kinds = typing_extensions.get_args(kind)
    strict = any(typing_extensions.is_typeddict(bare(kind)) for kind in kinds)
    return [kind for kind in kinds if not is_file(kind) and not (strict and is_model(kind))]


def words_of(kind, name):
    """The words that the member of that name takes; none if it is no word, or need not be there."""
    for member, member_kind, needed in members(bare(kind)):
        inner = bare(member_kind)
        if member == name and needed and typing_extensions.get_origin(inner) in (typing.Literal, typing_extensions.Literal):
            return typing_extensions.get_args(inner)
    return ()


def is_file(kind):
    return kind is typing.IO[bytes] or typing_extensions.get_origin(kind) is os.PathLike


def is_model(kind):
    return isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def members(kind):
    """Name on the wire, type and whether it must be there, of each member."""
    if is_model(kind):
        for name, field in kind.model_fields.items():
            yield field.alias or name, field.annotation, field.is_required()
        return
    for name, member in typing_extensions.get_type_hints(kind, include_extras=True).items():
        # What the class itself says of required members does not know marks that are written as text.
        marks = {typing_extensions.get_origin(member)}
        needed = bool(marks & REQUIRED) or (not marks & NOT_REQUIRED and name in kind.__required_keys__)
        yield name, member, needed


class Requests:
    """Requests of one type that together hold every word, every alternative and every member of it."""

    def __init__(self):
        self.known = {}
        self.open = []
        self.words = set()

    def of(self, kind):
        """Values of that type. One inside of itself has none."""
        kind = bare(kind)
        origin, arguments = typing_extensions.get_origin(kind), typing_extensions.get_args(kind)
        if is_union(kind):
            return [value for argument in alternatives(kind) for value in self.of(argument)]
        if origin in (typing.Literal, typing_extensions.Literal):
            self.words.update(word for word in arguments if isinstance(word, str))
            return list(arguments)
        if origin in LISTS:
            items = self.of(arguments[0])
            return [items] if items else []
        if origin in MAPS:
            values = self.of(arguments[1])
            return [{f"name{number}": value for number, value in enumerate(values)}] if values else []
        if typing_extensions.is_typeddict(kind) or is_model(kind):
            return self.objects(kind)
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            values = [member.value for member in kind]
            self.words.update(value for value in values if isinstance(value, str))
            return values
        return SIMPLE.get(kind, [])

    def objects(self, kind):
        if kind in self.open:
            return []
        # What is inside depends on what is open around it, where a type holds itself.
        self.open.append(kind)
        columns = {}
        for name, member, needed in members(kind):
            values = self.of(member)
            if not values and needed:
                self.open.pop()
                return []
            if values:
                columns[name] = (values, needed)
        self.open.pop()
        count = max((len(values) for values, _ in columns.values()), default=1)
        return [self.row(columns, number) for number in range(count)]

    @staticmethod
    def row(columns, number):
        row = {}
        for name, (values, needed) in columns.items():
            if number < len(values):
                row[name] = values[number]
            elif needed:
                row[name] = shortest(values)
        return row


def shortest(values):
    """The shortest of these values; of a list, with its shortest item alone."""
    value = min(values, key=lambda value: len(json.dumps(value)))
    return [shortest(value)] if isinstance(value, list) else value


class Checker:
    """Accepts what the SDK's type accepts, and refuses everything else with the reason."""

    def __init__(self, kind):
        self.read = set()
        with warnings.catch_warnings():
            # A few types say themselves that they take any member.
            warnings.simplefilter("ignore")
            self.adapter = pydantic.TypeAdapter(self.strict(kind))

    def strict(self, kind):
        """The same type with lists for what is merely iterable; typed dictionaries are set to refuse what they do not name."""
        origin, arguments = typing_extensions.get_origin(kind), typing_extensions.get_args(kind)
        if origin in WRAPPERS and origin is not typing.Annotated:
            return origin[self.strict(arguments[0])]
        if origin is typing.Annotated:
            return self.strict(arguments[0])
        if is_union(kind):
            return self.strict_union(alternatives(kind))
        if origin in LISTS:
            return typing.List[self.strict(arguments[0])]
        if origin in MAPS:
            return typing.Dict[arguments[0], self.strict(arguments[1])]
        if typing_extensions.is_typeddict(kind) and kind not in self.read:
            hints = typing_extensions.get_type_hints(kind, include_extras=True)
            self.read.add(kind)
            kind.__pydantic_config__ = STRICT
            kind.__annotations__ = {name: self.strict(member) for name, member in hints.items()}
        return kind

    def strict_union(self, kinds):
        """The union, told apart by a word where each of its objects has its own: sooner done, and with a reason that says more."""
        objects = [kind for kind in kinds if typing_extensions.is_typeddict(bare(kind))]
        rest = [self.strict(kind) for kind in kinds if kind not in objects]
        checked = typing.Union[tuple(self.strict(kind) for kind in objects)] if objects else None
        for name in ("type", "role"):
            words = [word for kind in objects for word in words_of(kind, name)]
            if len(objects) > 1 and len(set(words)) == len(words) and all(words_of(kind, name) for kind in objects):
                checked = typing.Annotated[checked, pydantic.Field(discriminator=name)]
                break
        return typing.Union[tuple(rest + [checked])] if objects else typing.Union[tuple(rest)]

    def refusal(self, document):
        """Why the SDK's types refuse it; None if they accept it."""
        try:
            with warnings.catch_warnings():
                # Words that an enumeration does not know are only warned of.
                warnings.simplefilter("error", UserWarning)
                self.adapter.validate_json(json.dumps(document))
        except (pydantic.ValidationError, UserWarning) as error:
            return str(error)
        return None


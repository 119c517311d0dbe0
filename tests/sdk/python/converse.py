"""Amazon's SDK knows its requests as shapes of its own: what they accept, and requests that hold every word that they know."""

import botocore.loaders
import botocore.model
import botocore.validate

from shapes import ANY_OBJECT, FREE, shortest

SERVICE = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2"))
CONVERSE = SERVICE.operation_model("Converse").input_shape
SIMPLE = {"integer": 1, "long": 1, "float": 0.5, "double": 0.5, "boolean": True, "blob": "AAAA"}


def body(shape):
    """The members that stand in the body, by their names there."""
    members = shape.members.items()
    return {member.serialization.get("name", name): member for name, member in members if "location" not in member.serialization}


class Requests:
    """As `shapes.Requests`."""

    def __init__(self):
        self.open = []
        self.words = set()

    def of(self, shape):
        if shape.type_name == "string":
            self.words.update(shape.enum)
            return shape.enum or [FREE]
        if shape.type_name == "list":
            items = self.of(shape.member)
            return [items] if items else []
        if shape.type_name == "map":
            values = self.of(shape.value)
            return [{f"name{number}": value for number, value in enumerate(values)}] if values else []
        if shape.type_name != "structure":
            return [SIMPLE[shape.type_name]]
        return [ANY_OBJECT] if shape.is_document_type else self.objects(shape)

    def objects(self, shape):
        if shape.name in self.open:
            return []
        self.open.append(shape.name)
        columns = {name: self.of(member) for name, member in body(shape).items()}
        self.open.pop()
        if shape.is_tagged_union:
            return [{name: value} for name, values in columns.items() for value in values]
        if any(not columns.get(name, True) for name in shape.required_members):
            return []
        count = max((len(values) for values in columns.values()), default=1)
        rows = []
        for number in range(count or 1):
            needed = {name: shortest(values) for name, values in columns.items() if name in shape.required_members}
            rows.append(needed | {name: values[number] for name, values in columns.items() if number < len(values)})
        return rows


class Checker:
    """As `shapes.Checker`."""

    def __init__(self, shape):
        self.shape = shape

    def refusal(self, document):
        report = botocore.validate.ParamValidator().validate({"modelId": "m", **document}, self.shape)
        strange = [] if report.has_errors() else list(strange_words(document, self.shape))
        return report.generate_report() or "; ".join(strange) or None


def strange_words(value, shape):
    """Words that an enumeration does not know: the SDK leaves them to the service."""
    if shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{value} is none of {shape.enum}"
    elif shape.type_name == "list":
        for item in value:
            yield from strange_words(item, shape.member)
    elif shape.type_name == "map":
        for item in value.values():
            yield from strange_words(item, shape.value)
    elif shape.type_name == "structure" and not shape.is_document_type:
        for name, member in body(shape).items():
            if name in value:
                yield from strange_words(value[name], member)

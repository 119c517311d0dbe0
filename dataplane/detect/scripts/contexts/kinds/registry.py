"""The list that the modules beside this one fill."""
KINDS = {}


def kinds(family):
    """Returns a function that adds a kind of text to the family."""
    def add(name, make):
        assert name not in KINDS, name
        KINDS[name] = (family, make)
    return add

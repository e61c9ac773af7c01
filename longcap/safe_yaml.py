"""Reading YAML with a loader of our own.

`yaml.SafeLoader` is shared by a whole process, and other libraries change it: vLLM imports lm-format-enforcer, which
does so. A config must mean the same before and after an engine has started.

All values have the types of JSON, since they are stored and passed on as JSON. A date is the text that was written: no
option takes a date, and some take a text that may look like one, such as `revision: 2026-05-01`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import yaml
from yaml.composer import Composer
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import Resolver
from yaml.scanner import Scanner

_TAG = "tag:yaml.org,2002:"
_KINDS = ("null", "bool", "int", "float", "str", "seq", "map")
_RESOLVERS = {
    first: [(tag, pattern) for tag, pattern in found if tag != f"{_TAG}timestamp"]
    for first, found in Resolver.yaml_implicit_resolvers.items()
}
_SHOWN = 60  # characters of a wrong value in a message


class YamlError(ValueError):
    """A text is not YAML, or holds a value that its type does not allow, such as `!!int x`.

    Args:
        problem: what is wrong, in one line.
        line: the line, from 1; None if it is not known.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


class Loader(Reader, Scanner, Parser, Composer, SafeConstructor, Resolver):
    """`yaml.SafeLoader` with tables of its own, so that no other library changes what a value means."""

    yaml_constructors: ClassVar[dict[str | None, Any]] = {
        **{_TAG + kind: getattr(SafeConstructor, f"construct_yaml_{kind}") for kind in _KINDS},
        None: SafeConstructor.construct_undefined,
    }
    yaml_multi_constructors: ClassVar[dict[str | None, Any]] = {}

    def __init__(self, text: str | bytes) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self.yaml_implicit_resolvers = _RESOLVERS

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # PyYAML's constructors raise KeyError, ValueError, IndexError and others
            value = node.value if isinstance(node.value, str) else node.id
            raise ConstructorError(
                None, None, f"{value[:_SHOWN]!r} is not a value of type {node.tag.removeprefix(_TAG)}", node.start_mark
            ) from error


def read(text: str | bytes) -> Any:
    """Return the value of a YAML document; None if it is empty.

    Raises:
        YamlError: it is not one document of YAML, or holds a value that its type does not allow.
    """
    return read_with_node(text)[0]


def read_with_node(text: str | bytes) -> tuple[Any, yaml.Node | None]:
    """Return the value of a YAML document and its node, which knows the lines.

    Raises:
        YamlError: it is not one document of YAML, or holds a value that its type does not allow.
    """
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        return (None if node is None else loader.construct_document(node)), node
    except RecursionError as error:
        raise YamlError("it is nested too deep") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: bytes in no encoding of YAML
        mark = getattr(error, "problem_mark", None)
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise YamlError(problem, mark.line + 1 if mark else None) from error

"""Reads the Bicep files: what a file declares and uses, and the values that can be known without deploying it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

INFRA = Path(__file__).resolve().parents[2] / "infra"
_LOADED = re.compile(r"loadTextContent\('([^']+)'\)$")
_PARSER = Parser(Language(tree_sitter_bicep.language()))
_KINDS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}


@dataclass(frozen=True, slots=True)
class Source:
    """An expression whose value is known in Azure only; its text."""

    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A conditional expression: both values that it can have."""

    condition: str
    yes: Any
    no: Any


@dataclass(frozen=True, slots=True)
class Declaration:
    """A parameter, variable, resource, module or output, with its decorators."""

    kind: str
    name: str
    node: Node
    decorators: tuple[Node, ...]

    @property
    def type(self) -> str:
        """The type of a parameter or output, as written."""
        return next(text_of(child) for child in self.node.named_children if child.type == "type")

    @property
    def value(self) -> Node | None:
        """What stands after the equals sign; None for a parameter without a default."""
        last = self.node.named_children[-1]
        return None if last.type in ("type", "identifier") and self.kind == "param" else last

    @property
    def description(self) -> str:
        """The text of `@description`, or nothing."""
        found = [text_of(node) for node in self.decorators if text_of(node).startswith("@description(")]
        return found[0].removeprefix("@description('").removesuffix("')") if found else ""


class BicepFile:
    """One parsed file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = _PARSER.parse(path.read_bytes()).root_node

    def __repr__(self) -> str:
        return str(self.path.relative_to(INFRA))

    @cached_property
    def declarations(self) -> tuple[Declaration, ...]:
        """All declarations, resources within resources included."""
        return tuple(self._declared(self.root))

    def _declared(self, parent: Node) -> Iterator[Declaration]:
        decorators: list[Node] = []
        for node in parent.named_children:
            if node.type == "decorators":
                decorators = list(node.named_children)
            elif node.type in _KINDS:
                name = text_of(node.named_children[0])
                yield Declaration(_KINDS[node.type], name, node, tuple(decorators))
                decorators = []
            if node.type != "decorators":
                yield from self._declared(node)

    def named(self, kind: str) -> dict[str, Declaration]:
        """The declarations of a kind, by name."""
        return {found.name: found for found in self.declarations if found.kind == kind}

    def var(self, name: str) -> Any:
        """The value of a variable, as far as it can be known."""
        node = self.named("var")[name].value
        assert node is not None
        return self.value(node)

    def value(self, node: Node) -> Any:
        """The value of an expression: text, number, list, dict, `Choice`, or `Source` for what Azure alone knows."""
        match node.type:
            case "string" if all(child.type == "string_content" for child in node.named_children):
                return "".join(text_of(child) for child in node.named_children)
            case "number":
                return int(text_of(node))
            case "boolean":
                return text_of(node) == "true"
            case "array":
                return [self.value(child) for child in node.named_children if child.type != "comment"]
            case "object":
                return {key: self.value(value) for key, value in properties(node).items()}
            case "identifier" if text_of(node) in self.named("var"):
                return self.var(text_of(node))
            case "member_expression":
                return self._member(node)
            case "call_expression" if loaded := _LOADED.match(text_of(node)):
                return (self.path.parent / loaded[1]).read_text()
            case "ternary_expression":
                condition, yes, no = node.named_children
                return Choice(text_of(condition), self.value(yes), self.value(no))
            case _:
                return Source(text_of(node))

    def _member(self, node: Node) -> Any:
        owner, key = node.named_children
        held = self.value(owner)
        if isinstance(held, Choice):  # the grammar reads `a ? b : c.d` as `(a ? b : c).d`; Bicep does not
            return Choice(held.condition, held.yes, held.no[text_of(key)])
        return held[text_of(key)] if isinstance(held, dict) else Source(text_of(node))


def files() -> list[BicepFile]:
    """All Bicep files of the project."""
    return [BicepFile(path) for path in sorted(INFRA.rglob("*.bicep"))]


def module(name: str) -> BicepFile:
    """A file by its path under `infra`."""
    return BicepFile(INFRA / name)


def text_of(node: Node) -> str:
    """The source of a node."""
    assert node.text is not None
    return node.text.decode()


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def properties(node: Node) -> dict[str, Node]:
    """The properties of an object, by name; those with computed names are left out."""
    found = {}
    for child in node.named_children:
        if child.type == "object_property" and child.named_children[0].type in ("identifier", "string"):
            found[text_of(child.named_children[0]).strip("'")] = child.named_children[-1]
    return found


def body_of(declaration: Declaration) -> Node:
    """The object of a resource or module, behind its condition or loop."""
    return next(node for node in walk(declaration.node) if node.type == "object")


def line_of(node: Node) -> int:
    """The line of a node, from 1."""
    return node.start_point[0] + 1

"""The Bicep files, as far as a compiler would look at them: syntax, names, parameters of modules, outputs.

Types and properties of resources are checked in the GitHub workflow, by `bicep build`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from tree_sitter import Node

from tests.infra.bicep import (
    INFRA,
    BicepFile,
    Declaration,
    Source,
    body_of,
    files,
    line_of,
    module,
    properties,
    text_of,
    walk,
)

FUNCTIONS = frozenset(
    {"concat", "contains", "empty", "environment", "guid", "listKeys", "loadJsonContent", "loadTextContent", "split"}
    | {"string", "subscription", "subscriptionResourceId", "take", "toLower", "union", "uniqueString", "utcNow"}
)
"""The functions of the language that we use; one that is not here may be misspelt. Add it after a look at the docs."""
DECORATORS = frozenset(
    {"description", "allowed", "minValue", "maxValue", "minLength", "maxLength", "metadata", "secure"}
)
TOO_NEW = frozenset(
    {"type_declaration", "user_defined_function", "lambda_expression", "safe_dereference", "spread_expression"}
)
"""What checkov cannot parse; it would skip the whole file in silence."""
LITERALS = {"string": str, "int": int, "bool": bool, "array": list, "object": dict}
ALL = files()
each_file = pytest.mark.parametrize("file", ALL, ids=repr)


@each_file
def test_a_file_has_no_syntax_error(file: BicepFile) -> None:
    """Every file can be read to its end."""
    wrong = [f"{file!r}:{line_of(node)}" for node in walk(file.root) if node.is_error or node.is_missing]
    assert not wrong


@each_file
def test_a_file_keeps_to_what_checkov_can_parse(file: BicepFile) -> None:
    """Neither user types nor functions of our own nor lambdas."""
    assert not {node.type for node in walk(file.root)} & TOO_NEW


@each_file
def test_names_are_declared_once(file: BicepFile) -> None:
    """Parameters, variables, resources and modules share one space of names."""
    names = [found.name for found in file.declarations if found.kind != "output"]
    assert sorted(names) == sorted(set(names))


@each_file
def test_every_name_that_is_used_is_declared(file: BicepFile) -> None:
    """A misspelt name, or a function that does not exist, fails at deployment otherwise."""
    declared = {found.name for found in file.declarations if found.kind != "output"}
    unknown = []
    for node, local in _used(file.root, frozenset()):
        allowed = FUNCTIONS | DECORATORS if _is_function(node) else declared | local
        if text_of(node) not in allowed:
            unknown.append(f"{file!r}:{line_of(node)}: {text_of(node)}")
    assert not unknown


@each_file
def test_every_parameter_and_variable_is_used(file: BicepFile) -> None:
    """What nobody reads is a setting without effect."""
    used = {text_of(node) for node, _ in _used(file.root, frozenset()) if not _is_function(node)}
    assert not {found.name for found in file.declarations if found.kind in ("param", "var")} - used


@each_file
def test_parameters_are_described_by_whether_they_must_be_given(file: BicepFile) -> None:
    """`Required.` without a default, `Optional.` or `Internal.` with one."""
    for parameter in file.named("param").values():
        expected = ("Required. ",) if parameter.value is None else ("Optional. ", "Internal. ")
        assert parameter.description.startswith(expected), f"{file!r}: {parameter.name}: {parameter.description!r}"


@pytest.mark.parametrize("file", [module("main.bicep"), module("registry.bicep")], ids=repr)
def test_modules_get_the_parameters_they_ask_for(file: BicepFile) -> None:
    """All required ones, no unknown ones, literals of the right type."""
    for call in file.named("module").values():
        wanted = _target(call).named("param")
        given = properties(properties(body_of(call))["params"])
        assert not set(given) - set(wanted), f"{call.name}: unknown parameters"
        assert not {p.name for p in wanted.values() if p.value is None} - set(given), f"{call.name}: missing parameters"
        for name, node in given.items():
            value = file.value(node)
            if not isinstance(value, Source) and type(value) in LITERALS.values():
                assert isinstance(value, LITERALS[wanted[name].type]), f"{call.name}.{name}"


@pytest.mark.parametrize("file", [module("main.bicep"), module("registry.bicep")], ids=repr)
def test_outputs_of_modules_exist(file: BicepFile) -> None:
    """`module.outputs.x` names an output of that module's file."""
    modules = file.named("module")
    for owner, output in re.findall(r"\b(\w+)\.outputs\.(\w+)", text_of(file.root)):
        assert output in _target(modules[owner]).named("output"), f"{owner}.outputs.{output}"


@each_file
def test_what_is_deployed_is_known_at_the_start(file: BicepFile) -> None:
    """Names, conditions and arrays of loops may not wait for another resource: the compiler refuses them."""
    late = []
    for found in [*file.named("resource").values(), *file.named("module").values()]:
        for node in _known_at_the_start(found):
            if re.search(r"\.(outputs|properties)\.", _expanded(file, node)):
                late.append(f"{file!r}:{line_of(node)}: {text_of(node)}")
    assert not late


def test_every_module_is_used() -> None:
    """A file that no one calls is not deployed."""
    called = {_target(call).path for file in ALL for call in file.named("module").values()}
    assert {file.path for file in ALL if file.path.parent.name == "modules"} == called


def test_files_that_are_loaded_exist() -> None:
    """loadTextContent and loadJsonContent take paths relative to the file."""
    for file in ALL:
        for path in re.findall(r"load(?:Text|Json)Content\('([^']+)'\)", text_of(file.root)):
            assert (file.path.parent / path).is_file(), f"{file!r}: {path}"


def test_the_parameter_file_fits_main() -> None:
    """azd fills it from the environment; what it names must exist, and what must be given must be there."""
    wanted = module("main.bicep").named("param")
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    assert not set(given) - set(wanted)
    assert not {p.name for p in wanted.values() if p.value is None} - set(given)


def test_defaults_in_the_parameter_file_are_those_of_main() -> None:
    """`${NAME=default}`: a user who reads the Bicep file is not misled."""
    main = module("main.bicep")
    for name, entry in json.loads((INFRA / "main.parameters.json").read_text())["parameters"].items():
        _, has_default, default = entry["value"].strip("${}").partition("=")
        node = main.named("param")[name].value
        assert bool(has_default) == (node is not None), name
        if node is not None:
            assert default == str(main.value(node)).replace("True", "true").replace("False", "false"), name


def test_the_first_stage_makes_the_same_registry_as_main() -> None:
    """Another name or group would leave the image in a registry that no pool pulls from."""
    first, main = module("registry.bicep"), module("main.bicep")
    for kind, name in (
        ("var", "token"),
        ("var", "groupName"),
        ("var", "tags"),
        ("module", "registry"),
        ("resource", "group"),
    ):
        assert text_of(first.named(kind)[name].node) == text_of(main.named(kind)[name].node)


def _target(call: Declaration) -> BicepFile:
    path = text_of(call.node.named_children[1]).strip("'")
    return module(path)


def _known_at_the_start(found: Declaration) -> Iterator[Node]:
    """The name of a resource or module, its condition, and the array that it is repeated for."""
    yield properties(body_of(found))["name"]
    for node in found.node.named_children:
        if node.type == "if_statement":
            yield node.named_children[0]
        if node.type == "for_statement":
            yield node.named_children[-2]  # for NAMES in ARRAY: BODY


def _expanded(file: BicepFile, node: Node) -> str:
    """The text of an expression, the variables in it replaced by theirs."""
    variables = file.named("var")
    names = {text_of(used) for used, _ in _used(node, frozenset())} & set(variables)
    values = [value for name in names if (value := variables[name].value)]
    return " ".join([text_of(node), *(_expanded(file, value) for value in values)])


def _used(node: Node, local: frozenset[str]) -> list[tuple[Node, frozenset[str]]]:
    """The identifiers that refer to something, each with the loop variables that are known there."""
    if node.type == "for_statement":
        local |= {text_of(child) for child in walk(node) if child.type in ("loop_variable", "loop_enumerator")}
        start = node.child_by_field_name("initializer")
        local |= {text_of(start)} if start else set()
    found = [(node, local)] if node.type == "identifier" and not _is_declared_here(node) else []
    return found + [hit for child in node.named_children for hit in _used(child, local)]


def _is_declared_here(node: Node) -> bool:
    parent = node.parent
    assert parent is not None
    first = parent.named_children[0] == node
    declares = parent.type.endswith("_declaration") or parent.type == "object_property"
    inside = parent.type == "resource_expression" and not first
    return (first and declares) or inside


def _is_function(node: Node) -> bool:
    parent = node.parent
    return parent is not None and parent.type == "call_expression" and parent.child_by_field_name("function") == node

"""The functions of an app: found, checked and described as the Functions host and its Python worker do it."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import azurefunctions.extensions.base as sdk_bindings
from azure.functions import meta
from azure.functions.decorators.function_app import Function as Indexed
from azure.functions.decorators.function_app import FunctionRegister
from azure.functions.decorators.utils import StringifyEnumJsonEncoder

from local.host.errors import AppRefused
from local.host.settings import expand_binding

TRIGGERS = frozenset({"blobTrigger", "timerTrigger", "serviceBusTrigger", "httpTrigger"})
_CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app.

    Parameters
    ----------
    binding
        The trigger's fields as function.json has them, settings put in.
    parameter, annotation
        Name and type of the argument that takes the trigger.
    deferred
        True when the argument is an SDK client, made from a reference instead of content.
    """

    name: str
    binding: Mapping[str, Any]
    call: Callable[..., Any]
    parameter: str
    annotation: Any
    takes_context: bool
    deferred: bool
    retry: bool = False

    @property
    def kind(self) -> str:
        """The trigger's type, such as ``blobTrigger``."""
        return str(self.binding["type"])

    @property
    def many(self) -> bool:
        """True when it takes a list of messages."""
        return str(self.binding.get("cardinality", "one")).lower() == "many"

    def field(self, name: str, default: str = "") -> str:
        """Return a text field of the trigger."""
        return str(self.binding.get(name) or default)


def load_functions(root: Path, environment: Mapping[str, str]) -> list[Function]:
    """Import function_app.py below `root` and describe its functions, in their order.

    An error that the app raises while it is imported comes through as it is.

    Raises
    ------
    AppRefused
        When Azure would not run the app, or this host cannot.
    """
    sys.path.insert(0, str(root))
    app = _find_app(importlib.import_module("function_app"))
    try:
        indexed = app.get_functions()
    except ValueError as problem:
        raise AppRefused(str(problem)) from problem
    return [_describe(function, environment) for function in indexed]


def _find_app(module: ModuleType) -> FunctionRegister:
    apps = {id(value): value for value in vars(module).values() if isinstance(value, FunctionRegister)}
    if len(apps) != 1:
        raise AppRefused(f"function_app.py must hold one FunctionApp; it holds {len(apps)}.")
    return next(iter(apps.values()))


def _describe(indexed: Indexed, environment: Mapping[str, str]) -> Function:
    name = str(indexed.get_function_name())
    trigger = _trigger_of(name, indexed)
    call = indexed.get_user_function()
    parameter = str(trigger["name"])
    annotation = _check_parameters(name, call, parameter, str(trigger["type"]))
    return Function(
        name=name,
        binding=expand_binding(name, trigger, environment),
        call=call,
        parameter=parameter,
        annotation=annotation,
        takes_context=_CONTEXT in inspect.signature(call).parameters,
        deferred=_is_sdk_type(annotation),
        retry=indexed.get_setting("retry_policy") is not None,
    )


def _trigger_of(name: str, indexed: Indexed) -> dict[str, Any]:
    trigger = indexed.get_trigger()
    for binding in indexed.get_bindings():
        if binding is not trigger and binding.type != "http":
            raise AppRefused(
                f"Function {name} has a binding of type {binding.type}, which this host does not offer. "
                "Use an SDK client, or run Core Tools (make up FUNC=1)."
            )
    if trigger is None or trigger.type not in TRIGGERS:
        kind = "no trigger" if trigger is None else f"a trigger of type {trigger.type}"
        raise AppRefused(f"Function {name} has {kind}; this host offers {', '.join(sorted(TRIGGERS))}.")
    fields = json.loads(json.dumps(trigger.get_dict_repr(), cls=StringifyEnumJsonEncoder))
    return {key: value for key, value in fields.items() if value is not None}


def _check_parameters(name: str, call: Callable[..., Any], parameter: str, kind: str) -> Any:
    """Refuse what the Python worker refuses when it loads a function; return the trigger argument's type."""
    found = set(inspect.signature(call).parameters)
    if parameter not in found:
        raise AppRefused(f"Function {name} does not take the argument {parameter!r} that its trigger fills.")
    if unknown := found - {parameter, _CONTEXT}:
        raise AppRefused(f"Function {name} takes {', '.join(sorted(unknown))}, which no binding fills.")
    annotation = typing.get_type_hints(call).get(parameter)
    if annotation is not None and not _is_sdk_type(annotation):
        converter = converter_of(kind)
        if not converter.check_input_type_annotation(annotation):
            raise AppRefused(f"Function {name}: a {kind} cannot fill an argument of type {annotation}.")
    return annotation


def converter_of(kind: str) -> Any:
    """Return azure.functions' own converter for a trigger."""
    registry: Any = meta.get_binding_registry  # it has no types
    return registry().get(kind)


def _is_sdk_type(annotation: Any) -> bool:
    return bool(sdk_bindings.get_binding_registry().check_supported_type(annotation))

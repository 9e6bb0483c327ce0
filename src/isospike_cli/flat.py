"""Options from dataclasses: a parameter of a command that is a dataclass becomes one option for each of its fields.

The field's name is the option's, its default the option's, and its row in the docstring's table what `--help` says.  A
choice among words is text on the command line, and the dataclass refuses others; a whole number in a range has
that range's lower limit, and the dataclass refuses what exceeds the upper one."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, make_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

Command = Callable[..., None]
ROW = re.compile(r"^\s*\|\s*`(\w+)`\s*\|(?:.*\|)?\s*([^|]*?)\s*\|\s*$", re.M)  # a field, and the last cell of its row


def meanings(cls: type) -> dict[str, str]:
    """What the tables of a class's docstring, and of those that it extends, say of its fields."""
    return {name: text for base in reversed(cls.__mro__) for name, text in ROW.findall(base.__doc__ or "")}


def flat(command: Command) -> Command:
    """The command with an option for each field of its parameters that are dataclasses."""
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        if is_dataclass(parameter.annotation):
            groups[name] = parameter.annotation  # type: ignore[assignment]  # a class: annotations are no instances
            parameters += _options(groups[name])
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    def call(**given: Any) -> None:
        made = {name: cls(**{one.name: given.pop(one.name) for one in fields(cls)}) for name, cls in groups.items()}
        command(**given, **made)

    call.__doc__, call.__annotations__ = command.__doc__, {one.name: one.annotation for one in parameters}
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect looks for
    return call


def _options(cls: type) -> list[inspect.Parameter]:
    kinds, said = get_type_hints(cls, include_extras=True), meanings(cls)
    return [_option(one, kinds[one.name], said.get(one.name, "")) for one in fields(cls)]


def _option(one: "Field[Any]", kind: Any, said: str) -> inspect.Parameter:
    plain, limits, words = _plain(kind)
    said += f" ({', '.join(map(str, words))})" if words else ""
    said = said.replace("[", r"\[")  # a unit in brackets is no markup
    # Of a bool typer makes --flag and --no-flag itself.
    names = () if bool in (plain, *get_args(plain)) else (f"--{one.name.replace('_', '-')}",)
    option = typer.Option(*names, help=f"{said[:1].upper()}{said[1:]}.", **limits)
    default = inspect.Parameter.empty if one.default is MISSING else one.default
    return inspect.Parameter(
        one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[plain, option]
    )


def _plain(kind: Any) -> tuple[Any, dict[str, Any], tuple[Any, ...]]:
    """An annotation as the command line's library has it, the limits of its numbers, and the words to choose among."""
    parts = get_args(kind)
    match get_origin(kind):
        case origin if origin is Annotated:
            return parts[0], {"min": parts[1].start}, ()
        case origin if origin is Literal:
            return str, {}, parts
        case origin if origin in (Union, UnionType):
            own = [_plain(part) for part in parts if part is not NoneType]
            return own[0][0] | None, *own[0][1:]
    return kind, {}, ()


def optional(
    name: str, kinds: Mapping[str, Any], said: Mapping[str, str], first: Mapping[str, tuple[Any, Any]] | None = None
) -> type:
    """A dataclass of fields that are None unless given.  first: fields with a kind and a default of their own, in
    front."""
    made = [(field, kind, default) for field, (kind, default) in (first or {}).items()] + [
        (field, kind | None, None) for field, kind in kinds.items()
    ]
    table = "\n".join(f"| `{field}` | {text} |" for field, text in said.items())
    return make_dataclass(name, made, namespace={"__doc__": table}, frozen=True)

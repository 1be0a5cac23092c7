"""The parameters as options of the command line, derived from their declaration."""

from __future__ import annotations

import inspect
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import pydantic
from cyclopts import CoercionError, Parameter, Token, convert

from napari_emseg.params import Params

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

# Names of the options that have a short one, too.
_NAMES = {"n_classes": ("--n-classes", "-n")}


def options_of_params(
    command: Callable[..., int | None], *, several: Collection[str] = ()
) -> Callable[..., int | None]:
    """Add one option for each field of `Params` to `command`.

    Parameters
    ----------
    command : callable
        Takes the fields as ``**options``.
    several : collection of str, optional
        Fields whose options take a list of values.

    Returns
    -------
    callable
        The same function; its signature now spells the options out.
    """
    own = inspect.signature(command, eval_str=True)
    *spelled, _ = own.parameters.values()
    properties = Params.model_json_schema()["properties"]
    types = get_type_hints(Params)  # without the bounds, which Params itself checks
    for name, field in Params.model_fields.items():
        text = f"{field.title}. {field.description}{_bounds(properties[name])}"
        listed = name in several
        option = Parameter(
            name=_NAMES.get(name),
            help=f"{text} One or more values." if listed else text,
            group="Compared" if listed else "Segmentation",
            consume_multiple=listed,
            show_default=_spaced if listed else None,
            converter=_whole if int in (types[name], *get_args(types[name])) else None,
            negative=() if listed else None,
        )
        default = field.get_default()
        kind = GenericAlias(list, (types[name],)) if listed else types[name]
        spelled.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=[default] if listed else default,
                annotation=Annotated[kind, option],
            )
        )
    command.__dict__["__signature__"] = own.replace(parameters=spelled)
    command.__annotations__ = {p.name: p.annotation for p in spelled}
    return command


def params_of_options(options: dict[str, Any], *, command: str = "segment") -> Params:
    """Return the parameters that the options make.

    Parameters
    ----------
    options : dict
        Values by the names of the fields.
    command : str, optional
        Whose help the message points to.

    Returns
    -------
    Params
        Checked.

    Raises
    ------
    ValueError
        In one line and in the words of the command line.

    Examples
    --------
    >>> params_of_options({"n_classes": 3})
    Params(n_classes=3)
    """
    try:
        return Params(**options)
    except pydantic.ValidationError as error:
        raise ValueError(
            f"{_in_words(error)}; see napari-emseg {command} --help"
        ) from error


def _whole(kind: Any, tokens: Sequence[Token]) -> Any:
    """Convert whole numbers; cyclopts by itself would round others."""
    for token in tokens:
        if set(token.value) & set(".eE") and token.value.strip("+-.eE0123456789") == "":
            wanted = get_args(kind)[0] if get_origin(kind) is list else kind
            raise CoercionError(token=token, target_type=wanted)
    return convert(kind, tokens)


def _spaced(values: list[Any]) -> str:
    """Write a list as the command line takes it."""
    return " ".join(map(str, values))


def _in_words(error: pydantic.ValidationError) -> str:
    """Return which options are wrong and why."""
    faults: dict[str, list[str]] = {}
    for fault in error.errors():
        option = str(fault["loc"][0]).replace("_", "-")
        reasons = faults.setdefault(f"--{option} {fault['input']}", [])
        reasons.append(fault["msg"].removeprefix("Input should be "))
    return "; ".join(
        f"{given} should be {' or '.join(reasons)}" for given, reasons in faults.items()
    )


def _bounds(schema: dict[str, Any]) -> str:
    """Return the bounds of a field as text, out of its JSON schema."""
    for part in (schema, *schema.get("anyOf", ())):
        if "minimum" in part and "maximum" in part:
            return f" [range: {part['minimum']} to {part['maximum']}]"
    return ""

"""One step of a recipe: what is done, where, and with which arguments."""

from __future__ import annotations

import reprlib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from napari_emseg.recipe.operation_schema import Args, Operation, OptionalSlice
from napari_emseg.recipe.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

# Steps without a function after which something else may be selected.
SELECTING = ("all", "none", "load")
# More of a wrong value, of a reason, or more faults would hide what is wrong.
_SHOWN, _LONGEST, _TOLD = 60, 800, 3


class Step(BaseModel):
    """An operation of the table, its slice and its arguments.

    Attributes
    ----------
    op : str
        Name of the operation.
    at : tuple of int or None, or None
        Of stacks, its scope, the plane or the volume that it is done in: for each axis
        of the image the index of the slice, None for the axes of plane or volume. None
        is everything at once.
    args : Args
        Its arguments.

    Raises
    ------
    pydantic.ValidationError
        A `ValueError` that says what is wrong with which argument.

    Examples
    --------
    >>> step = Step.of("wand", point=(3, 4), tolerance=8)
    >>> step.model_dump()
    {'op': 'wand', 'args': {'point': (3.0, 4.0), 'tolerance': 8.0}}
    >>> Step.model_validate_json(step.model_dump_json()) == step
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: str
    at: OptionalSlice = None
    args: SerializeAsAny[Args] = Field(default=Args(), validate_default=True)

    @classmethod
    def of(cls, op: str, /, *, at: Any = None, **args: Any) -> Self:
        """Return a step; its slice and its arguments are keywords."""
        return cls.model_validate({"op": op, "at": at, "args": args})

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it as JSON, since pickle does not find made classes of arguments."""
        return type(self).model_validate_json, (self.model_dump_json(),)

    @property
    def row(self) -> Operation:
        """The operation."""
        return OPERATIONS[self.op]

    @property
    def looks_at_selection(self) -> bool:
        """Whether it matters what was selected before."""
        args, inputs = self.args, {*self.row.inputs}
        return (
            not inputs.isdisjoint({"selection", "area"})
            or getattr(args, "mode", "new") != "new"
            or getattr(args, "inside", False)
            or self.op in ("invert", "save")
        )

    @property
    def needs_image(self) -> bool:
        """Whether the image matters."""
        return self.row.needs_image(self.args)

    @property
    def selects(self) -> bool:
        """Whether something else may be selected afterwards."""
        return self.row.group in ("select", "modify") or self.op in SELECTING

    def changed(self, **args: Any) -> Self:
        """Return a copy with some arguments changed, checked again."""
        given = {
            name: getattr(self.args, name) for name in type(self.args).model_fields
        }
        return self.of(self.op, at=self.at, **(given | args))

    @field_validator("op")
    @classmethod
    def _check_op(cls, op: str) -> str:
        if op not in OPERATIONS:
            near = get_close_matches(op[:_SHOWN], OPERATIONS, n=1)
            known = f"the operations are {', '.join(OPERATIONS)}"
            hint = f"did you mean {near[0]!r}?" if near else known
            raise ValueError(f"there is no operation {short(op)}; {hint}")
        return op

    @field_validator("at")
    @classmethod
    def _check_at(cls, at: OptionalSlice) -> OptionalSlice:
        """Return None for everything."""
        return None if at is None or set(at) <= {None} else at

    @field_validator("args", mode="before")
    @classmethod
    def _check_args(cls, args: Any, info: ValidationInfo) -> Any:
        op = info.data.get("op")
        if op is None:  # which is refused already
            return Args()
        if isinstance(args, Args):
            args = args.model_dump()
        if not isinstance(args, dict):
            raise ValueError(
                f"the arguments of {op!r} are {short(args)}, but names and values are "
                'needed, as in {"name": value}'
            )
        try:
            return OPERATIONS[op].args.model_validate(args)
        except ValidationError as error:
            fields = OPERATIONS[op].args.model_fields
            raise ValueError(explain_error(error, op, fields)) from None

    @model_serializer
    def _write(self, info: Any) -> dict[str, Any]:
        """Return the step without defaults, but with all parameters."""
        fields = type(self.args).model_fields
        found = self.args.model_dump(mode=info.mode)
        args = {
            name: value
            for name, value in found.items()
            if name == "params" or getattr(self.args, name) != fields[name].default
        }
        place = {} if self.at is None else {"at": [*self.at]}
        return {"op": self.op, **place, "args": args}


def explain_error(error: ValidationError, what: str, names: Iterable[str] = ()) -> str:
    """Return what pydantic found in one line: the value, the reason, what to do.

    Parameters
    ----------
    error : pydantic.ValidationError
    what : str
        What was read.
    names : iterable of str, optional
        What it takes.
    """
    known = ", ".join(names)
    hint = f"it takes {known}" if known else "leave it out, or check its name"
    found = error.errors(include_url=False)
    told = [_one(fault, what, hint) for fault in found[:_TOLD]]
    more = len(found) - len(told)
    return "; ".join([*told, f"{more} more values are wrong"] if more else told)


def _one(found: Any, what: str, hint: str) -> str:
    """Return the message of one error of pydantic."""
    reason = found["msg"].removeprefix("Input ")
    if len(reason) > _LONGEST:
        reason = f"{reason[:_LONGEST]}…"
    # Names of the members of a union are none of the reader's business.
    name = ".".join(
        str(part)[:_SHOWN]
        for part in found["loc"]
        if str(part).isalnum() or str(part).isidentifier()
    )
    if found["type"] == "value_error":
        return reason.removeprefix("Value error, ")
    if found["type"] == "missing":
        return f"{what} needs {name}, which is missing; add it"
    if found["type"] == "extra_forbidden":
        return f"{what} takes no {name}; {hint}"
    value = short(found["input"])
    given = f"has {name}={value}" if name else f"is {value}"
    return f"{what} {given}, which {reason}; correct it"


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHOWN
_SHORT.maxlong = _SHOWN


def short(value: Any) -> str:
    """Return the beginning of a value as Python writes it, however large it is."""
    text = _SHORT.repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

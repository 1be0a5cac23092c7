"""Settings to be compared: all combinations of some values, and words for them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, Any

from napari_emseg.params import Params

if TYPE_CHECKING:
    from collections.abc import Sequence

# Settings that one comparison has room for, on a sheet and in the memory.
MOST = 24
# What is compared by the command and in the panel; the last varies fastest, and has a
# column of the sheet for each of its values.
COMPARED = ("color", "method", "init", "n_classes")


def settings(base: Params | None = None, **values: Any) -> tuple[Params, ...]:
    """Combine all values of some parameters.

    Parameters
    ----------
    base : Params, optional
        All other parameters.
    **values : iterable, or a single value
        Values of fields of `Params`; a field without any stays as in `base`.

    Returns
    -------
    tuple of Params
        Each setting once; the last field varies fastest.

    Raises
    ------
    ValueError
        If a value is out of bounds, or there are more than 24 settings.

    Examples
    --------
    >>> settings(method=["em", "kmeans"], n_classes=[3, 5])[2]
    Params(method='kmeans', n_classes=3)
    """
    base = Params() if base is None else base
    lists = {
        name: list(found)
        if isinstance(found, Iterable) and not isinstance(found, str)
        else [found]
        for name, found in values.items()
    }
    lists = {name: found for name, found in lists.items() if found}
    found = [
        base.replace(**dict(zip(lists, chosen, strict=True)))
        for chosen in product(*lists.values())
    ]
    unique = tuple(dict.fromkeys(found))
    if len(unique) > MOST:
        raise ValueError(
            f"{len(unique)} settings are too many to compare at once; choose fewer "
            f"values, so that there are {MOST} at most"
        )
    return unique


def titles(
    chosen: Sequence[Params], *, always: Sequence[str] = ("method", "n_classes")
) -> list[str]:
    """Say in few words what tells each setting from the others.

    Parameters
    ----------
    chosen : sequence of Params
        The settings.
    always : sequence of str, optional
        Fields that are told even if all settings have the same.

    Returns
    -------
    list of str
        One for each setting.

    Examples
    --------
    >>> titles(settings(n_classes=[3, 5], init=["kmeans", "random"]))[1]
    'EM · 3 classes · start: random'
    """
    fields = Params.model_json_schema()["properties"]
    varied = [
        name for name in fields if len({getattr(params, name) for params in chosen}) > 1
    ]

    def word(params: Params, name: str) -> str:
        value, field = getattr(params, name), fields[name]
        shown = field.get("names", {}).get(value, value)
        if name == "n_classes":
            return f"{shown} classes" if value != 1 else "1 class"
        if name in ("method", "color"):
            return f"color {shown}" if value == "none" else shown
        return f"{field['title'].lower()}: {shown}"

    told = [name for name in fields if name in varied or name in always]
    return [" · ".join(word(params, name) for name in told) for params in chosen]

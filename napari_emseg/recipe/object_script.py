"""Objects and their table as Python, after the script that makes the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_emseg.recipe.script_check import check_script

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def with_objects(
    script: str,
    found: Mapping[str, Any],
    edits: Iterable[str],
    measured: Mapping[str, Any],
    table: str,
    *,
    with_image: bool = True,
) -> str:
    r"""Return a script that makes labels, then objects of them, and writes a table.

    Parameters
    ----------
    script : str
        As `Recipe.to_python` writes it.
    found : dict
        Arguments of `napari_emseg.objects`.
    edits : iterable of str
        Methods of `Objects` with their arguments, in order: ``"merged([1, 2])"``.
    measured : dict
        Arguments of `napari_emseg.measure` besides objects and image.
    table : str
        Path of the table.
    with_image : bool, optional
        Whether the image is measured, too.

    Returns
    -------
    str
        It calls nothing but `script_check.CALLED`.

    Examples
    --------
    >>> print(with_objects("labels = np.zeros((4, 4), 'uint8')\n", {"classes": [1]},
    ...                    ["without([2])"], {}, "t.csv", with_image=False))
    labels = np.zeros((4, 4), 'uint8')
    objects = emseg.objects(labels, classes=[1])
    objects = objects.without([2])
    table = emseg.measure(objects)
    table.to_csv('t.csv')
    <BLANKLINE>
    """
    lines = [f"objects = emseg.objects(labels{_keywords(found)})"]
    lines += [f"objects = objects.{edit}" for edit in edits]
    image = ", image" if with_image else ""
    lines.append(f"table = emseg.measure(objects{image}{_keywords(measured)})")
    lines.append(f"table.to_csv({table!r})")
    return check_script(script + "".join(f"{line}\n" for line in lines))


def _keywords(options: Mapping[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in options.items())

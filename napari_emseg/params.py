"""Every parameter of a segmentation, declared once."""

from __future__ import annotations

import textwrap
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_emseg.engine.cluster.methods import METHODS, MethodName
from napari_emseg.engine.image.stain_separation import read_vectors, vectors_text

if TYPE_CHECKING:
    from pydantic.config import JsonDict

Color = Literal[
    "auto",
    "lab",
    "luv",
    "rgb",
    "hsv",
    "hls",
    "ycrcb",
    "xyz",
    "ab",
    "hs",
    "chromaticity",
    "he",
    "hed",
    "hdab",
    "stains",
    "od",
    "gray",
    "none",
]
Covariance = Literal["full", "tied", "diag", "spherical"]
Distribution = Literal["auto", "gaussian", "student"]
Init = Literal["kmeans", "random"]
Channels = Literal["together", "each"]
Planes = Literal["volume", "together", "each"]

# Marks the parameters that a form shows at first; the rest waits under "More".
MAIN: JsonDict = {"main": True}
# Marks what is about axes: a form has a row of its own for them.
AXES: JsonDict = {"axes": True}
# What a parameter affects first: the features of pixels, or no more than their labels;
# all others affect the fit.
FEATURES: JsonDict = {"affects": "features"}
LABELS: JsonDict = {"affects": "labels"}


# Values of other parameters with which one has no effect: a form grays it then.
OF_EM: JsonDict = {"without": {"method": "kmeans"}}
OF_SMOOTHING: JsonDict = {"without": {"smoothing": 0}}
OF_BOTH: JsonDict = {"without": {"method": "kmeans", "smoothing": 0}}


def _usual(low: float, high: float) -> JsonDict:
    """Return the range that a slider covers; other numbers are typed."""
    return {"usual": [low, high]}


def _named(**names: str) -> JsonDict:
    """Return the words that a form shows for the values of a choice."""
    return {"names": dict(names)}


class Params(BaseModel):
    """Everything that decides a segmentation, apart from the image.

    All hyperparameters; frozen, equal by value, hashable. The form of the panel, the
    options of the command line, the range checks, the JSON keys and the help texts
    are all read from these fields.

    {parameters}

    Raises
    ------
    pydantic.ValidationError
        A `ValueError` that names each wrong parameter, its value and its bounds.

    Examples
    --------
    >>> from napari_emseg import Params
    >>> Params(n_classes=3)
    Params(n_classes=3)
    >>> Params().replace(method="kmeans").method
    'kmeans'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: MethodName = Field(
        default="em",
        title="Method",
        description="; ".join(f"{row.title} {row.about}" for row in METHODS.values())
        + ".",
        json_schema_extra=MAIN
        | _named(**{name: row.title for name, row in METHODS.items()}),
    )
    n_classes: Annotated[int, Field(ge=1, le=64)] | Literal["auto"] = Field(
        default=4,
        title="Classes",
        description="How many classes to find, 1 to 64, or auto: the number up to 12 "
        "that the Bayesian information criterion favors, none of them a mere outline.",
        json_schema_extra=MAIN | _usual(2, 12),
    )
    color: Color = Field(
        default="auto",
        title="Color space",
        description="Space in which colors are compared; auto is Lab for RGB "
        "images and no conversion for others. For uneven light: ab and hs have no "
        "lightness, chromaticity does not depend on it at all; near black, where "
        "color is noise, it fades to gray; classes are numbered by their first "
        "feature. For tissue: densities of hematoxylin and "
        "eosin (he), and DAB (hdab), of all three (hed), or of other stains; od is the "
        "optical density of red, green and blue.",
        json_schema_extra=MAIN
        | FEATURES
        | _named(
            auto="automatic",
            lab="Lab",
            luv="Luv",
            rgb="RGB",
            hsv="HSV",
            hls="HLS",
            ycrcb="YCrCb",
            xyz="XYZ",
            ab="a*b*",
            hs="hue and saturation",
            chromaticity="chromaticity",
            he="hematoxylin-eosin",
            hed="hematoxylin-eosin-DAB",
            hdab="hematoxylin-DAB",
            stains="own stains",
            od="optical density",
            gray="gray",
            none="as it is",
        ),
    )
    smoothing: float = Field(
        default=1.0,
        ge=0,
        le=10,
        title="Smoothing",
        description="Strength of the Markov random field that makes neighbors "
        "agree; 0: every pixel for itself.",
        json_schema_extra=MAIN | LABELS | _usual(0, 4),
    )
    edges: bool = Field(
        default=True,
        title="Keep edges",
        description="Smooth less where neighboring colors differ much.",
        json_schema_extra=LABELS | OF_SMOOTHING,
    )
    stains: str = Field(
        default="0.65 0.70 0.29, 0.07 0.99 0.11",
        title="Stains",
        description="Two or three vectors of stains for the color space of that name: "
        "what each absorbs of red, green and blue, with commas between them.",
        json_schema_extra=FEATURES | {"only": {"color": "stains"}},
    )
    covariance: Covariance = Field(
        default="full",
        title="Covariance",
        description="Shape of the classes in EM: any ellipsoid, one shape for "
        "all, along the axes, or balls.",
        json_schema_extra=OF_EM,
    )
    distribution: Distribution = Field(
        default="auto",
        title="Distribution",
        description="Gaussian classes, or Student-t with heavy tails; auto is Student-t"
        " for one channel, unless noise dominates, and else Gaussian.",
        json_schema_extra=OF_EM
        | _named(auto="automatic", gaussian="Gaussian", student="Student-t"),
    )
    outliers: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        title="Outliers",
        description="Share of pixels that no class explains (impulse noise), for EM; "
        "with smoothing, salt and pepper are found at 0, too.",
        json_schema_extra=OF_EM,
    )
    init: Init = Field(
        default="kmeans",
        title="Start",
        description="K-means: start from spread-out centers (k-means++); random: "
        "from random pixels.",
        json_schema_extra=_named(kmeans="K-means", random="random"),
    )
    n_init: int = Field(
        default=5,
        ge=1,
        le=100,
        title="Starts",
        description="How many starts are tried; the best is kept.",
    )
    tol: float = Field(
        default=1e-4,
        ge=0,
        le=1,
        title="Tolerance",
        description="Stop when EM gains less log-likelihood per pixel (nats), or "
        "when the K-means centers move less in sum.",
    )
    max_iter: int = Field(
        default=200,
        ge=1,
        le=10_000,
        title="Iterations",
        description="Most iterations of each level of the fit.",
    )
    texture: float = Field(
        default=0.0,
        ge=0,
        le=10,
        title="Texture",
        description="Weight of texture, the local contrast at two scales, beside "
        "color; 0 leaves it out. It helps where classes differ in grain; it hurts "
        "where color tells them apart and things are smaller than about 20 pixels, "
        "whose borders become a class, and gaps between them.",
        json_schema_extra=FEATURES,
    )
    position: float = Field(
        default=0.0,
        ge=0,
        le=10,
        title="Position",
        description="Weight of the place in the image beside color; 0 leaves it out.",
        json_schema_extra=FEATURES,
    )
    bias: bool = Field(
        default=False,
        title="Uneven light",
        description="Estimate smooth multiplicative illumination and divide by it, "
        "for EM with smoothing; not if the classes do not share it, which is told.",
        json_schema_extra=FEATURES | OF_BOTH,
    )
    corners: bool = Field(
        default=False,
        title="Dark corners",
        description="Also label dark corners outside of a round field of view, as of "
        "a dermatoscope, an endoscope or a microscope. Otherwise they have no label "
        "where they are plain to see, which is told, unless there is a mask or a seed "
        "label in them.",
        json_schema_extra=FEATURES,
    )
    min_size: int = Field(
        default=0,
        ge=0,
        le=100_000_000,
        title="Smallest region",
        description="Regions with fewer pixels join the most similar neighbor; "
        "0 keeps all.",
        json_schema_extra=LABELS,
    )
    channels: Channels = Field(
        default="together",
        title="Channels",
        description="Of images that are not RGB: all channels together are the color "
        "of a pixel, or each channel is segmented by itself.",
        json_schema_extra=AXES
        | FEATURES
        | _named(together="together", each="each by itself"),
    )
    planes: Planes = Field(
        default="volume",
        title="Planes",
        description="Of stacks and series: one model for all planes, smoothed in 3-D "
        "along Z; one model, each plane smoothed by itself; or each plane fitted by "
        "itself, from the one before on, so that classes keep their numbers.",
        json_schema_extra=AXES
        | _named(
            volume="as a volume",
            together="all in one model",
            each="each by itself",
        ),
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="Same seed, same labels.",
    )

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, given: Any) -> Any:
        """Refuse names that there are not; pydantic would not say which there are."""
        for name in given if isinstance(given, dict) else ():
            if name not in cls.model_fields:
                near = get_close_matches(name, cls.model_fields, n=1)
                raise ValueError(
                    f"there is no parameter {name!r}; "
                    + (f"did you mean {near[0]!r}? " if near else "")
                    + f"the parameters are {', '.join(cls.model_fields)}"
                )
        return given

    @field_validator("stains", mode="before")
    @classmethod
    def _as_text(cls, given: Any) -> Any:
        """Take vectors as numbers, too, such as those of `stain_vectors`."""
        return given if isinstance(given, str) else vectors_text(given)

    @field_validator("stains")
    @classmethod
    def _check_stains(cls, given: str) -> str:
        read_vectors(given)
        return given

    @property
    def color_space(self) -> str:
        """The color space with all that it takes, as the engine names it."""
        return f"stains:{self.stains}" if self.color == "stains" else self.color

    def replace(self, **changes: object) -> Self:
        """Return a copy with some parameters changed, checked again."""
        return type(self)(**(self.model_dump() | changes))

    def __repr_args__(self) -> list[tuple[str, object]]:
        """Show only what differs from the defaults."""
        fields = type(self).model_fields
        return [(name, value) for name, value in self if value != fields[name].default]


def params_affecting(stage: str) -> dict[str, Any]:
    """Return the parameters that affect a stage first, with their defaults.

    Parameters
    ----------
    stage : {"features", "fit", "labels"}
        The earliest stage of a segmentation that depends on them.

    Examples
    --------
    >>> params_affecting("labels")
    {'smoothing': 1.0, 'edges': True, 'min_size': 0}
    """
    fields = Params.model_json_schema()["properties"]
    return {
        name: field["default"]
        for name, field in fields.items()
        if field.get("affects", "fit") == stage
    }


def _parameters(model: type[BaseModel]) -> str:
    """Return what each field of a model is, as the numpy standard has it."""
    lines = ["Parameters", "----------"]
    for name, schema in model.model_json_schema()["properties"].items():
        lines.append(f"{name} : {_kind(schema)}, default: {schema['default']!r}")
        about = textwrap.fill(schema["description"], 76)
        lines.append(textwrap.indent(about, "    "))
    return "\n".join(lines)


def _kind(schema: dict[str, Any]) -> str:
    """Return the type and the bounds of a field, from its JSON schema."""
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "enum" in schema:
        return f"{{{', '.join(map(repr, schema['enum']))}}}"
    if "const" in schema:
        return repr(schema["const"])
    names = {"integer": "int", "number": "float", "boolean": "bool", "string": "str"}
    kind = names[schema["type"]]
    if "minimum" not in schema:
        return kind
    return f"{kind} from {schema['minimum']} to {schema['maximum']}"


if Params.__doc__:  # which python -OO leaves out
    Params.__doc__ = Params.__doc__.replace(
        "{parameters}", textwrap.indent(_parameters(Params), "    ").lstrip()
    )

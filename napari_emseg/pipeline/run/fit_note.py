"""What was fitted, as the journal of a run and the labels keep it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg import __version__
from napari_emseg.engine.cluster.fit_state import FitState
from napari_emseg.engine.image.value_range import Core
from napari_emseg.engine.mrf.hmrf import HiddenField
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.pipeline.fitting import Fit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.lazy_image import LazyImage
    from napari_emseg.params import Params


def describe(
    picture: LazyImage, params: Params, model: Model, choices: Mapping[str, Any]
) -> dict[str, Any]:
    """Return how the labels are made, for what keeps them: a recipe, among others."""
    arguments: dict[str, Any] = {
        "params": params.model_dump(mode="json"),
        # Fitted to a part of the pixels, or not: it gives these labels.
        "model": FittedModel.of(model).model_dump(mode="json"),
    }
    if picture.given_axes is not None:
        arguments["axes"] = picture.given_axes
    elif picture.rgb or picture.channel_axis is None:
        arguments["rgb"] = picture.rgb
    else:
        arguments["channel_axis"] = picture.channel_axis
    if picture.given_scale is not None and picture.rgb:
        arguments["full_scale"] = picture.given_scale
    recipe = {"version": 1, "steps": [{"op": "segment", "args": arguments}]}
    return {"version": __version__, "recipe": recipe, **choices}


def note_fit(fit: Fit, core: Core | None, colors: list[list[float]]) -> dict[str, Any]:
    """Return what was fitted as JSON has it."""
    hidden = fit.hidden
    return {
        "model": FittedModel.of(fit.model).model_dump(mode="json"),
        "hidden": None
        if hidden is None
        else {
            "model": FittedModel.of(hidden.model).model_dump(mode="json"),
            "bond": hidden.bond,
            "scale": hidden.scale,
            "speckled": hidden.speckled,
        },
        "core": None if core is None else [core.low.tolist(), core.high.tolist()],
        "colors": colors,
        "objective": [state.objective for state in fit.states],
        "levels": [state.level for state in fit.states],
        "converged": fit.states[-1].converged if fit.states else True,
    }


def noted_fit(
    found: Mapping[str, Any],
) -> tuple[Fit, Core | None, list[list[float]]]:
    """Return what was fitted."""

    def model_of(numbers: Any) -> Any:
        # From JSON, where lists are tuples.
        return FittedModel.model_validate_json(json.dumps(numbers)).model()

    model, hidden, core = model_of(found["model"]), found["hidden"], found["core"]
    field = None
    if hidden is not None:
        field = HiddenField(
            model_of(hidden["model"]),
            hidden["bond"],
            hidden["scale"],
            hidden["speckled"],
            None,
        )
    states: tuple[FitState, ...] = ()
    if found["objective"]:
        states = (
            FitState(
                len(found["objective"]) - 1,
                found["objective"][-1],
                model,
                found["converged"],
                found["levels"][-1],
            ),
        )
    limits = None if core is None else Core(np.array(core[0]), np.array(core[1]))
    return Fit(model, field, states), limits, found["colors"]

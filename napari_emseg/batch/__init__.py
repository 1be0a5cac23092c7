"""Many pictures: one model of all, one treatment for each, one table of all."""

from napari_emseg.batch.apply import BatchProgress, iter_apply
from napari_emseg.batch.joint_fit import JointFit, fit, iter_fit
from napari_emseg.batch.outcome import Outcome, failed
from napari_emseg.batch.output_plan import (
    OutputPlan,
    check_plan,
    find_pictures,
    plan_outputs,
)
from napari_emseg.batch.picture import Picture
from napari_emseg.batch.tidy_rows import tidy_csv, tidy_table
from napari_emseg.batch.treatment import Treated, Treatment

__all__ = [
    "BatchProgress",
    "JointFit",
    "Outcome",
    "OutputPlan",
    "Picture",
    "Treated",
    "Treatment",
    "check_plan",
    "failed",
    "find_pictures",
    "fit",
    "iter_apply",
    "iter_fit",
    "plan_outputs",
    "tidy_csv",
    "tidy_table",
]

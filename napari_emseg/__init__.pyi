# The public names: type checkers and editors read this file, and so does __init__.py.
from . import adjust as adjust
from . import exchange as exchange
from . import plot as plot
from . import regions as regions
from . import select as select
from .adjust.stains import stain_densities as stain_densities
from .adjust.stains import stain_vectors as stain_vectors
from .engine.cluster.grouped_mixture import GroupedMixture as GroupedMixture
from .engine.cluster.kmeans import KMeansModel as KMeansModel
from .engine.cluster.mixture import MixtureModel as MixtureModel
from .exchange import ClassScheme as ClassScheme
from .exchange import export as export
from .instances.finding import objects as objects
from .instances.measurement import measure as measure
from .instances.object_table import ObjectTable as ObjectTable
from .instances.objects import Objects as Objects
from .io import files as files
from .layers import add_to as add_to
from .params import Params as Params
from .pipeline import sweep as sweep
from .pipeline.blobs import blobs as blobs
from .pipeline.class_table import class_table as class_table
from .pipeline.image_hierarchy import hierarchy as hierarchy
from .pipeline.progress import Progress as Progress
from .pipeline.segment import features as features
from .pipeline.segment import iter_segment as iter_segment
from .pipeline.segment import segment as segment
from .pipeline.segmentation import Segmentation as Segmentation
from .plot import movie as movie
from .plot import sheet as sheet
from .recipe import Recipe as Recipe
from .recipe import Step as Step
from .recipe.packed_array import unpack_array as unpack_array
from .regions.refit import refit as refit
from .regions.uncertain_places import uncertain_places as uncertain_places

__version__: str

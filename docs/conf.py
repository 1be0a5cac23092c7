"""How the site is built: `make docs`, without the network."""

from __future__ import annotations

import os
import sys
from io import StringIO
from pathlib import Path

import matplotlib as mpl
from docutils.nodes import SkipNode, literal_block
from docutils.parsers.rst import Directive
from latex2mathml.converter import convert
from rich.console import Console

# Before numpy counts threads; the figures are the same with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
mpl.use("agg")
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from napari_emseg import __version__  # noqa: E402
from napari_emseg.cli.app import app as command  # noqa: E402

project = "napari-emseg"
author = "The napari-emseg founders"
copyright = "the napari-emseg founders, BSD-3-Clause"  # noqa: A001
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
    "tutorials/*",
    "methods/*",
    "examples/*",
    "pictures/*.py",
    "**/*.ipynb",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
templates_path = ["_templates"]
nitpicky = False
myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc says them
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": ["tutorials", "methods", "examples"],
    "gallery_dirs": ["auto_tutorials", "auto_methods", "auto_examples"],
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "plot_gallery": True,
    "abort_on_example_error": True,
    "backreferences_dir": "reference/backreferences",
    "doc_module": ("napari_emseg",),
    "min_reported_time": 10_000,
    "capture_repr": (),
    "thumbnail_size": (400, 280),
    "reset_modules": ("matplotlib",),
    "image_srcset": ["2x"],
}

html_theme = "pydata_sphinx_theme"
html_title = "napari-emseg"
html_logo = "../napari_emseg/icon.svg"
html_favicon = "../napari_emseg/icon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_math_renderer = "mathml"
html_sidebars = {"index": [], "start": [], "changelog": [], "architecture": []}
html_theme_options = {
    "logo": {"text": "napari-emseg"},
    "github_url": "https://github.com/napari-emseg/napari-emseg",
    "header_links_before_dropdown": 6,
    "navbar_persistent": ["search-button"],
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
    "back_to_top_button": False,
}


def _math(display):
    """Return what writes a formula as MathML, which browsers draw by themselves."""

    def visit(translator, node):
        formula = convert(node.astext(), display=display)
        translator.body.append(
            f'<div class="math">{formula}</div>' if display == "block" else formula
        )
        raise SkipNode

    return visit, None


def _link(app, name, source):
    """Let links that are right in the repository be so in the site."""
    if name == "architecture":
        source[0] = source[0].replace("../CONTRIBUTING.md", "contributing.md")


class CommandHelp(Directive):
    """The help of a command, as the terminal shows it."""

    required_arguments = 1

    def run(self):
        """Return it as a literal block."""
        told = StringIO()
        words = [] if self.arguments[0] == "all" else [self.arguments[0]]
        console = Console(file=told, width=68, no_color=True, force_terminal=False)
        command.help_print(words, console=console)
        text = "\n".join(map(str.rstrip, told.getvalue().splitlines()))
        block = literal_block(text, text)
        block["language"] = "text"
        return [block]


def setup(app):
    """Register how formulas are written, what links mean, and the help of commands."""
    app.connect("source-read", _link)
    app.add_directive("command-help", CommandHelp)
    app.add_html_math_renderer("mathml", _math("inline"), _math("block"))

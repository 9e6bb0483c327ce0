"""Settings of the documentation: `make docs`."""

import importlib.metadata

project = "isospike"
release = importlib.metadata.version("isospike")
html_title = f"isospike {release}"
html_theme = "furo"
extensions = ["myst_nb", "autodoc2"]
exclude_patterns = ["_build", "jupyter_execute", ".jupyter_cache"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True

# The API is read from the sources; docstrings are Markdown.
autodoc2_packages = [{"path": "../src/isospike", "auto_mode": True}]
autodoc2_output_dir = "api"
autodoc2_render_plugin = "myst"
autodoc2_hidden_objects = {"private", "dunder", "inherited"}
autodoc2_skip_module_regexes = [r".*\.__main__", r"isospike\.kernels\..*"]
suppress_warnings = ["autodoc2.dup_item"]  # `measure.check` is a file and the function in it

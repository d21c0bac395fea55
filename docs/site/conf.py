# SPDX-License-Identifier: Apache-2.0
#
# Sphinx turns the pages that script/lib/site.py prepares into HTML (script/site).
project = "rnnpack"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "rnnpack"
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 5
suppress_warnings = ["misc.highlighting_failure", "myst.header"]


# SPDX-License-Identifier: MIT
"""listen_backlog-graph: RRD files -> numbers -> pictures -> a page.

rrd asks rrdtool. subjects and hosts hold the numbers that titles, legends, alt
texts and the order are made of. drawing, pictures and stack make the pictures,
page the page. command runs it all; an error costs only what it concerns."""

VERSION = "0.1.0"

# SPDX-License-Identifier: MIT
"""listen_backlog-graph: RRD files -> numbers -> pictures -> a page.

readings lists what is drawn, rrd copies the files and runs rrdtool. subjects
and hosts hold the numbers for titles, legends, alt texts and the order.
drawing, pictures and stack make the pictures, page makes the page, command
runs it all. An error leaves out one picture or one file; the rest is drawn."""

VERSION = "0.1.0"

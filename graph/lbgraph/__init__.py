# SPDX-License-Identifier: MIT
"""listen_backlog-graph: RRD files -> numbers -> pictures -> a page.

readings lists what is drawn and its colours, rrd copies the files and runs
rrdtool. subjects and hosts hold the numbers, facts says what several readings
say together, and findings puts the worst into words: for titles, alt texts and
the order. drawing, times, pictures and stack make the pictures, page and style
make the pages, command runs it all. An error leaves out one picture or one
file; the rest is drawn."""

VERSION = "0.1.0"

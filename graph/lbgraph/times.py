# SPDX-License-Identifier: MIT
"""The grid of the time axis."""

MINUTE, HOUR, DAY = 60, 3600, 86400
TIMES = (  # seconds between labels, rrdtool's --x-grid
    (5, "SECOND:1:SECOND:5:SECOND:5:0:%H:%M:%S"),
    (10, "SECOND:2:SECOND:10:SECOND:10:0:%H:%M:%S"),
    (20, "SECOND:5:SECOND:20:SECOND:20:0:%H:%M:%S"),
    (30, "SECOND:10:SECOND:30:SECOND:30:0:%H:%M:%S"),
    (MINUTE, "SECOND:15:MINUTE:1:MINUTE:1:0:%H:%M"),
    (2 * MINUTE, "SECOND:30:MINUTE:2:MINUTE:2:0:%H:%M"),
    (5 * MINUTE, "MINUTE:1:MINUTE:5:MINUTE:5:0:%H:%M"),
    (10 * MINUTE, "MINUTE:2:MINUTE:10:MINUTE:10:0:%H:%M"),
    (20 * MINUTE, "MINUTE:5:MINUTE:20:MINUTE:20:0:%H:%M"),
    (30 * MINUTE, "MINUTE:10:MINUTE:30:MINUTE:30:0:%H:%M"),
    (HOUR, "MINUTE:15:HOUR:1:HOUR:1:0:%H:%M"),
    (2 * HOUR, "MINUTE:30:HOUR:2:HOUR:2:0:%H:%M"),
    (4 * HOUR, "HOUR:1:HOUR:4:HOUR:4:0:%H:%M"),
    (6 * HOUR, "HOUR:1:HOUR:6:HOUR:6:0:%H:%M"),
    (12 * HOUR, "HOUR:3:HOUR:12:HOUR:12:0:%a %H:%M"),
    (DAY, "HOUR:6:DAY:1:DAY:1:86400:%a %d"),
    (2 * DAY, "DAY:1:DAY:2:DAY:2:86400:%a %d"),
    (7 * DAY, "DAY:1:WEEK:1:WEEK:1:0:%d %b"),
    (30 * DAY, "WEEK:1:MONTH:1:MONTH:1:2592000:%b"),
    (90 * DAY, "MONTH:1:MONTH:3:MONTH:3:0:%b %Y"),
    (365 * DAY, "MONTH:3:YEAR:1:YEAR:1:0:%Y"),
    (3652 * DAY, "YEAR:1:YEAR:10:YEAR:10:0:%Y"),
)



def time_grid(seconds, room, labels):
    """Grid lines at round times, with this share of the width for a label."""
    grid = next((grid for step, grid in TIMES if step >= seconds * room),
                TIMES[-1][1])
    return grid if labels else ":".join(grid.split(":", 7)[:7]) + ": "

# SPDX-License-Identifier: MIT
"""All incidents, in the order of the table."""
from importlib import import_module

from incident import ALL

for _module in "overload", "elsewhere", "silent":
    import_module(_module)

__all__ = ["ALL"]

# SPDX-License-Identifier: MIT
"""The style of the pages."""
from .drawing import DARK, LIGHT

# The text colours have a contrast of 4.5 : 1 to each background, at least.
PAGE = {
    "light": {"back": LIGHT["back"], "text": LIGHT["text"], "soft": "#59636e",
              "line": "#d1d9e0", "link": "#0757ba", "note": "#fff4e5",
              "bad": "#a5001a"},
    "dark": {"back": DARK["back"], "text": DARK["text"], "soft": "#9da7b3",
             "line": "#30363d", "link": "#6cb6ff", "note": "#2d2013",
             "bad": "#ff7b86"},
}


def _variables(shade, colours):
    its = {**PAGE[shade], **{f"level{i}": colour for i, colour in enumerate(
        colours["levels"])}}
    return " ".join(f"--{name}: {value};" for name, value in its.items())


STYLE = f"""
:root {{ color-scheme: light dark; {_variables("light", LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{
  {_variables("dark", DARK)} }} }}""" + """
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 900px; padding: 1rem; background: var(--back);
  color: var(--text); font: 1rem/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 0; }
h3 { font-size: 1.05rem; margin: 0; }
h1, h2, h3, a, li, p, tbody th { overflow-wrap: anywhere; }
p { margin: .3rem 0; }
.soft { color: var(--soft); }
.what { color: var(--bad); font-weight: 600; }
a { color: var(--link); }
figure { margin: 1rem 0; }
img { display: block; max-width: 100%; height: auto; }
section { border-top: 1px solid var(--line); margin-top: 2rem;
  padding-top: 1.2rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0;
  font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .5rem; text-align: right; white-space: nowrap;
  vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; font-size: .85rem;
  white-space: normal; vertical-align: bottom; }
th:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
tbody th { font-weight: 400; white-space: normal; }
tr.bad > * { border-bottom: 0; padding-bottom: 0; }
td.what { text-align: left; white-space: normal; padding: 0 0 .4rem; }
td.fill { width: 24%; }
td.name { white-space: normal; overflow-wrap: anywhere; }
.bar { display: flex; align-items: center; gap: .5rem; }
.bar div { flex: 1; background: var(--line); overflow: hidden; }
.bar div, .bar i { display: block; height: .6rem; border-radius: .3rem; }
.bar i { background: var(--level0); }
.bar.l1 i { background: var(--level1); }
.bar.l2 i { background: var(--level2); }
.bar.l3 i { background: var(--level3); }
.bar.l3 span { font-weight: 700; }
.bar span { min-width: 3.9em; }
summary { cursor: pointer; margin: .6rem 0; }
.note { background: var(--note); border-left: 4px solid var(--level2);
  padding: .5rem .8rem; margin: 1rem 0; }
.note ul { margin: .3rem 0; padding-left: 1.2rem; }
dt { font-weight: 600; float: left; clear: left; min-width: 6.5rem; }
dd { margin: 0 0 .3rem 6.5rem; }
@media (max-width: 640px) { body { padding: .6rem 1rem; }
  table { font-size: .9rem; } thead th { font-size: .8rem; }
  th, td { padding: .35rem .25rem; } .wide { display: none; }
  td.fill { width: 30%; } .bar { display: block; } .bar span { min-width: 0; }
  dt { float: none; } dd { margin-left: 0; } }
"""

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes what the file publication says, names and addresses, into the files
that need it: those in debian/, the RPM spec, the recipes for Alpine and OpenWrt,
and configure.ac.

    publication.py [--check] [--debian] [PUBLICATION [TREE]]

The files follow the last run: what is no longer in the publication goes away
again. --check changes nothing, and names each file that is not as it would
be written. --debian leaves all files outside debian/ as they were released."""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = "collectd-listen-backlog"
# Debian and RPM want a name and an address; these are what they have until there are some.
NOBODY = {"name": "The listen_backlog authors", "email": "listen_backlog@example.org"}
NOWHERE = "https://example.org/listen_backlog"  # Alpine wants a home page
KEYS = ("name", "email", "homepage", "bugs", "git", "browser", "tarball", "releases", "itp")
SIGNING_KEY = "debian/upstream/signing-key.asc"


def read(path):
    """The publication: each key with its value, or ""."""
    given = dict.fromkeys(KEYS, "")
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        key, colon, value = line.partition(":")
        if not colon or key not in given:
            sys.exit(f'{path}:{number}: "{line}": expected one of these and a colon: {", ".join(KEYS)}')
        given[key] = value.strip()
    return given


def complain(given):
    """What is wrong with the publication, or None."""
    if bool(given["name"]) != bool(given["email"]):
        return "name and email: expected both, or none"
    if given["tarball"] and "VERSION" not in given["tarball"].rpartition("/")[2]:
        return f'tarball "{given["tarball"]}": expected VERSION in the name of the file'
    if given["releases"] and not given["tarball"]:
        return "releases: expected a tarball, too"
    if "VERSION" in given["tarball"].rpartition("/")[0] and not given["releases"]:
        return "tarball: each version has a folder of its own, so expected a page with links to all, as releases"
    if given["itp"] and not given["itp"].isdigit():
        return f'itp "{given["itp"]}": expected a number'
    for key in "homepage", "git", "browser", "tarball", "releases":
        if given[key] and not re.match(r"https?://[^\s\"]+$", given[key]):
            return f'{key} "{given[key]}": expected https://...'
    return None


def fields(pairs):
    """The lines of those fields that have a value."""
    return "".join(f"{name}: {value}\n" for name, value in pairs if value)


def control(text, given):
    source, blank, packages = text.partition("\n\n")
    source = re.sub(r"\n(Homepage|Vcs-Browser|Vcs-Git):.*", "", source) + "\n"
    source = re.sub(r"\nMaintainer: .*", lambda _: "\nMaintainer: " + maintainer(given), source)
    source += fields((("Homepage", given["homepage"]), ("Vcs-Browser", given["browser"]), ("Vcs-Git", given["git"])))
    return source + blank[1:] + packages


def maintainer(given):
    return f'{given["name"] or NOBODY["name"]} <{given["email"] or NOBODY["email"]}>'


def copyright_(text, given):
    header, blank, rest = text.partition("\n\n")
    header = re.sub(r"\n(Upstream-Contact|Source):.*", "", header) + "\n"
    folder = "" if given["releases"] else given["tarball"].rpartition("/")[0]
    header += fields((("Upstream-Contact", given["bugs"] or given["email"]),
                      ("Source", folder and folder + "/" or given["homepage"] or given["git"])))
    return header + blank[1:] + rest


def changelog(text, given):
    """Only the first entry of all is ours to change: the later ones have the names of those who made them."""
    start = text.rindex(f"\n{PACKAGE} (") + 1 if f"\n{PACKAGE} (" in text else 0
    entry = re.sub(r"\n -- .*?  ", lambda _: f"\n -- {maintainer(given)}  ", text[start:])
    closes = f' (Closes: #{given["itp"]})' if given["itp"] else ""
    entry = re.sub(r"\n  \* The first package\..*", f"\n  * The first package.{closes}", entry)
    return text[:start] + entry


def watch(_, given):
    text = "# Where uscan(1) finds new versions.\n"
    if not given["tarball"]:
        return text + "# There is no public release yet: see packaging/publication.\n"
    folder, _, name = given["tarball"].rpartition("/")
    # A page of links, or what an API answers: uscan looks for the name in the text of either.
    pattern = re.escape(name).replace("VERSION", "@ANY_VERSION@").replace(r"\-", "-")
    signed = ", pgpmode=auto" if given["signed"] else ""
    return text + (f"version=4\nopts=searchmode=plain{signed} \\\n"
                   f" {given['releases'] or folder + '/'} \\\n"
                   rf" (?:https?://[^\s\x22<>]*/)?{pattern}" "\n")


def source_overrides(_, given):
    text = ""
    if not given["homepage"]:
        text += f"# There is no home page yet: see packaging/publication.\n{PACKAGE} source: no-homepage-field\n"
    if given["tarball"] and not given["signed"]:
        text += ("# Releases are not signed.\n"
                 f"{PACKAGE} source: debian-watch-does-not-check-openpgp-signature *\n")
    return text or "# None.\n"


def binary_overrides(text, given):
    package = given["package"]
    note = "# No bug asks for the package yet: see packaging/publication.\n"
    line = f"{package}: initial-upload-closes-no-bugs *\n"
    text = re.sub(r"#.*\n.*: initial-upload-closes-no-bugs.*\n", "", text)
    return text + ("" if given["itp"] else note + line)


def spec(text, given):
    text = re.sub(r"\nURL: .*", "", text)
    if given["homepage"]:
        text = re.sub(r"\nSource0: ", lambda _: f'\nURL:            {given["homepage"]}\nSource0: ', text)
    source = given["tarball"].replace("VERSION", "%{version}") or "listen_backlog-%{version}.tar.gz"
    text = re.sub(r"\nSource0: .*", lambda _: f"\nSource0:        {source}", text)
    # The first entry of all is the last one in the file.
    start = text.rindex("\n* ")
    entry = re.sub(r"(\n\* \w+ \w+ \d+ \d+) .* - ", lambda m: f"{m[1]} {maintainer(given)} - ", text[start:], count=1)
    return text[:start] + entry


def alpine(text, given):
    text = re.sub(r"\n# Maintainer:.*", lambda _: "\n# Maintainer:" + (given["name"] and " " + maintainer(given)), text)
    text = re.sub(r'\nurl=".*"', lambda _: f'\nurl="{given["homepage"] or NOWHERE}"', text)
    source = given["tarball"].replace("VERSION", "$pkgver") or "listen_backlog-$pkgver.tar.gz"
    return re.sub(r'\nsource=".*', lambda _: f'\nsource="{source}', text)


def openwrt(text, given):
    text = re.sub(r"\n(PKG_MAINTAINER|PKG_SOURCE_URL|  URL):=.*", "", text)
    folder, _, name = given["tarball"].replace("VERSION", "$(PKG_VERSION)").rpartition("/")
    source = f'\nPKG_SOURCE:={name or "listen_backlog-$(PKG_VERSION).tar.gz"}' + (folder and f"\nPKG_SOURCE_URL:={folder}/")
    text = re.sub(r"\nPKG_SOURCE:=.*", lambda _: source, text)
    if given["name"]:
        text = text.replace("\nPKG_LICENSE:=", f"\nPKG_MAINTAINER:={maintainer(given)}\nPKG_LICENSE:=")
    if given["homepage"]:
        text = text.replace("\n  DEPENDS:=", f'\n  URL:={given["homepage"]}\n  DEPENDS:=')
    return text


def configure(text, given):
    """AC_INIT(name, version, bugs, the name of the tarball, home page)"""
    more = f', [{given["bugs"]}], [], [{given["homepage"]}]' if given["bugs"] or given["homepage"] else ""
    return re.sub(r"AC_INIT\((\[[^\]]*\]), (\[[^\]]*\]).*\)", lambda m: f"AC_INIT({m[1]}, {m[2]}{more})", text)


WRITERS = {
    "configure.ac": configure,
    "debian/changelog": changelog,
    "debian/control": control,
    "debian/copyright": copyright_,
    "debian/source/lintian-overrides": source_overrides,
    f"debian/{PACKAGE}.lintian-overrides": binary_overrides,
    f"debian/{PACKAGE}-graph.lintian-overrides": binary_overrides,
    "debian/watch": watch,
    "packaging/alpine/APKBUILD": alpine,
    "packaging/collectd-listen-backlog.spec": spec,
    "packaging/openwrt/Makefile": openwrt,
}


def main(arguments):
    options = {word for word in arguments if word.startswith("--")}
    if options - {"--check", "--debian"}:
        sys.exit(__doc__)
    check = "--check" in options
    paths = [pathlib.Path(word) for word in arguments if word not in options]
    publication = paths[0] if paths else HERE / "publication"
    tree = paths[1] if paths[1:] else HERE.parent
    given = read(publication)
    wrong = complain(given)
    if wrong:
        sys.exit(f"{publication}: {wrong}")
    given["signed"] = any((tree / folder / SIGNING_KEY).exists() for folder in (".", "packaging"))
    stale = 0
    for name, writer in WRITERS.items():
        if "--debian" in options and not name.startswith("debian/"):
            continue
        path = tree / name
        if not path.parent.exists():  # in a tarball
            path = tree / "packaging" / name
        before = path.read_text() if path.exists() else ""
        after = writer(before, given | {"package": path.name.partition(".")[0]})
        if before == after:
            continue
        stale = 1
        if check:
            print(f"{path} is not as {publication} says: run packaging/publication.py")
        elif after:
            path.write_text(after)
        else:
            path.unlink()
    return stale if check else 0


sys.exit(main(sys.argv[1:]))

# SPDX-License-Identifier: MIT
"""Packages: Debian's kernels, from the mirror that apt uses here, and the files of packages that are installed."""
import os
import re
import subprocess

# The code names that a mirror may have, from the oldest on. Those that it does not have cost one request each.
RELEASES = "buster", "bullseye", "bookworm", "trixie", "forky", "sid", "experimental"
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
NOT_NEEDED = {"debconf", "lsb-base", "perl-base", "ucf"}  # only maintainer scripts need these
NOT_READ = tuple(f"/usr/share/{name}/" for name in (
    "bash-completion", "bug", "doc", "info", "lintian", "locale", "man", "zoneinfo"))


def output(*words, **options):
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def architecture():
    return output("dpkg", "--print-architecture").strip()


def site(label, default):
    """Where apt gets the packages with this label from on this host."""
    sites = output("apt-get", "indextargets", "--format", "$(REPO_URI)", f"Label: {label}").split()
    return (sites or [default])[0].rstrip("/")


class Mirror:
    """apt in a folder of its own, with every release of Debian that the host's mirror has."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(f"{folder}/lists/partial", exist_ok=True)
        self.site, security = site("Debian", MIRROR), site("Debian-Security", MIRROR + "-security")
        suites = [(suite, self.site) for release in RELEASES for suite in (release, release + "-backports")] + [
            (release + "-security", security) for release in RELEASES]
        with open(f"{folder}/sources.list", "w", encoding="ascii") as file:
            for suite, uri in suites:
                print(f"deb [signed-by={KEYRING}] {uri} {suite} main", file=file)
        self.apt("apt-get", "-qq", "update", check=False, stderr=subprocess.DEVNULL)  # it fails for what is not there
        there = self.apt("apt-get", "indextargets", "--format", "$(RELEASE)", "Created-By: Packages").splitlines()
        self.suites = [suite for suite, _ in suites if suite in there]
        self.absent = [release for release in RELEASES if release not in there]

    def apt(self, program, *words, check=True, **options):
        settings = {"Dir::State::lists": f"{self.folder}/lists", "Dir::State::status": os.devnull,
                    "Dir::Cache": self.folder, "Dir::Cache::pkgcache": "pkgcache.bin",
                    "Dir::Cache::srcpkgcache": "srcpkgcache.bin", "Dir::Etc::sourcelist": f"{self.folder}/sources.list",
                    "Dir::Etc::sourceparts": "-", "Acquire::Languages": "none", "APT::Sandbox::User": "",
                    "APT::Architectures": architecture()}
        return subprocess.run([program, *[f"-o{name}={value}" for name, value in settings.items()], *words],
                              check=check, text=True, stdout=subprocess.PIPE, cwd=self.folder, **options).stdout

    def kernels(self):
        """{package of a kernel's image: (version, suite)}: of each suite the one that its metapackage depends on, the
        newest first."""
        name = f"linux-image-{architecture()}"
        suites = {version: uri.split()[1].split("/")[0] for _, version, uri in (
            map(str.strip, line.split("|")) for line in self.apt("apt-cache", "madison", name).splitlines())}
        return {image: (version, suites[version]) for version, image in re.findall(
            rf"^Version: (.*)\n(?:.+\n)*?Depends: .*?\b(linux-image-\d\S*-{architecture()})",
            self.apt("apt-cache", "show", name), re.M)}

    def fetch(self, package, version):
        """The files of a kernel's image and of the packages of the same source that it consists of."""
        fields = self.apt("apt-cache", "show", f"{package}={version}")
        depends = re.search(r"^Depends: (.*)", fields, re.M).group(1)
        packages = [package, *re.findall(rf"(linux-(?:binary|modules)-\S+) \(= {re.escape(version)}\)", depends)]
        self.apt("apt-get", "-qq", "download", *[f"{name}={version}" for name in packages])
        return [f"{self.folder}/{name}" for each in packages for name in os.listdir(self.folder)
                if name.startswith(each + "_") and name.endswith(".deb")]


def installed(*names):
    """The files of these packages and of all that they depend on, as installed on this host."""
    needs, provided = {}, {}  # {package: its dependencies, each a list of alternatives}, {virtual package: package}
    fields = "${Package}\t${db:Status-Status}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
    for line in output("dpkg-query", "-W", "-f", fields).splitlines():
        package, status, depends, provides = line.split("\t")
        if status == "installed":
            needs[package] = [re.findall(r"(?:^|\|) *([^ :(|]+)", each) for each in depends.split(",")]
            provided.update((name, package) for name in re.findall(r"(?:^|,) *([^ (,]+)", provides))
    missing = [name for name in names if name not in needs]
    if missing:
        raise SystemExit(f"check-kernels: expected these packages: {' '.join(missing)}")
    todo, done = list(names), set()
    while todo:
        package = todo.pop()
        package = package if package in needs else provided.get(package)
        if package and package not in done | NOT_NEEDED:
            done.add(package)
            todo += [next((name for name in alternatives if name in needs or name in provided), "")
                     for alternatives in needs[package]]
    return [path for path in sorted(set(output("dpkg-query", "-L", *sorted(done)).splitlines()))
            if (os.path.islink(path) or os.path.isfile(path)) and not path.startswith(NOT_READ)]

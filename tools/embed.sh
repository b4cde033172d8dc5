#!/bin/sh
# embed.sh FILE...: C source of hop__builtins, the files' texts as byte arrays.
set -eu
printf '#include "potentials/builtin.h"\n\n'
index=0
for file in "$@"; do
    printf 'static const unsigned char text_%d[] = {\n' "$index"
    od -An -v -tu1 "$file" | sed 's/^ *//; s/  */,/g; s/$/,/'
    printf '0};\n\n'
    index=$((index + 1))
done
printf 'const hop__builtin hop__builtins[] = {\n'
index=0
for file in "$@"; do
    printf '    {"%s", (const char *)text_%d, sizeof text_%d - 1},\n' "${file##*/}" $index $index
    index=$((index + 1))
done
printf '    {NULL, NULL, 0}};\n'

/* Files of structures: which format a name means. */
#include <string.h>

#include "base/memory.h"
#include "io/extxyz.h"
#include "io/formats.h"

#define LIMIT ((size_t)1 << 30)

enum format { EXTXYZ, POSCAR, LAMMPS, UNKNOWN };

static bool ends_with(hop__span name, const char *ending) {
    const size_t length = strlen(ending);
    return name.length > length &&
           hop__span_equals_nocase(
               (hop__span){name.start + name.length - length, length}, ending);
}

static bool begins_with(hop__span name, const char *letters) {
    return name.length >= strlen(letters) &&
           memcmp(name.start, letters, strlen(letters)) == 0;
}

static enum format format_of_name(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const hop__span name = {base, strlen(base)};
    if (ends_with(name, ".xyz") || ends_with(name, ".extxyz"))
        return EXTXYZ;
    if (ends_with(name, ".poscar") || ends_with(name, ".vasp"))
        return POSCAR;
    if (ends_with(name, ".data") || ends_with(name, ".lmp"))
        return LAMMPS;
    return begins_with(name, "POSCAR") || begins_with(name, "CONTCAR") ? POSCAR
                                                                       : UNKNOWN;
}

static int count_numbers(hop__span line) {
    hop__span word;
    double value;
    int count = 0;
    while (hop__span_word(&line, &word) && hop__span_double(word, &value))
        count++;
    return count;
}

/* A POSCAR has one number or three on its second line and three on each of the next three;
   LAMMPS data a line "N atoms" among its first. */
static enum format format_of_text(const char *text, size_t size) {
    hop__lines lines;
    hop__span line, word, rest;
    bool poscar = true;
    int64_t count;
    hop__lines_start(&lines, "", text, size);
    for (int k = 0; k < 10 && hop__lines_next(&lines, &line); k++) {
        const int found = count_numbers(line);
        rest = line;
        if (k > 0 && hop__span_word(&rest, &word) && hop__span_integer(word, &count) &&
            hop__span_word(&rest, &word) && hop__span_equals(word, "atoms"))
            return LAMMPS;
        if ((k == 1 && found != 1 && found != 3) || (k > 1 && k < 5 && found < 3))
            poscar = false;
        if (k == 4 && poscar)
            return POSCAR;
    }
    return EXTXYZ;
}

static int parse(hop_context *context, const char *path, const char *text, size_t size,
                 int64_t wanted, hop_structure **out) {
    enum format format = format_of_name(path);
    if (format == UNKNOWN)
        format = format_of_text(text, size);
    if (format == EXTXYZ)
        return hop__extxyz_read(context, path, text, size, wanted, out);
    if (wanted != 0 && wanted != -1)
        return HOP_END;
    return format == POSCAR ? hop__poscar_read(context, path, text, size, out)
                            : hop__lammps_read(context, path, text, size, out);
}

int hop_structure_read(hop_context *context, const char *path, int64_t wanted,
                       hop_structure **out) {
    if (out)
        *out = NULL;
    if (!context || !path || !out)
        return hop__missing(context, "path or out");
    char *text;
    size_t size;
    int status = hop__file_read(context, path, LIMIT, &text, &size);
    if (status == HOP_OK)
        status = parse(context, path, text, size, wanted, out);
    hop__release(context, text);
    return status;
}

static int add(hop_context *context, hop__text *text,
               const hop_structure *const *structures, size_t count) {
    int status = HOP_OK;
    for (size_t k = 0; k < count && status == HOP_OK; k++)
        status = structures[k]
                     ? hop__extxyz_add(context, text, structures[k], k, NULL, false)
                     : hop__fail(context, HOP_ERROR_ARGUMENT,
                                 "frame %zu: structure is NULL", k);
    return status;
}

static int add_one(hop_context *context, hop__text *text,
                   const hop_structure *const *structures, size_t count,
                   enum format format) {
    if (count > 1)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "expected one structure for a file of this format, got %zu",
                         count);
    int status = hop__structure_check(context, structures[0]);
    if (status != HOP_OK)
        return status;
    return format == POSCAR ? hop__poscar_add(context, text, structures[0])
                            : hop__lammps_add(context, text, structures[0]);
}

int hop_structure_write(const hop_structure *const *structures, size_t count,
                        const char *path) {
    if (!structures || count < 1 || !structures[0] || !path)
        return hop__missing(
            structures && count > 0 && structures[0] ? structures[0]->context : NULL,
            "path");
    hop_context *context = structures[0]->context;
    enum format format = format_of_name(path);
    hop__text text;
    hop__text_start(&text, context);
    int status = format == POSCAR || format == LAMMPS
                     ? add_one(context, &text, structures, count, format)
                     : add(context, &text, structures, count);
    if (status == HOP_OK)
        status = hop__file_replace(context, path, text.data, text.size);
    hop__text_free(&text);
    return status;
}

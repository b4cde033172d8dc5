/* LAMMPS data files of atom_style atomic.  The box is xlo xhi, ylo yhi, zlo zhi and tilt
 * factors xy xz yz: lattice vectors (xhi - xlo, 0, 0), (xy, yhi - ylo, 0), (xz, yz, zhi -
 * zlo).  A cell that does not stand so is turned when it is written.  Periodicity is no
 * part of the format: read structures are periodic in all directions. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "io/formats.h"
#include "structure/elements.h"

#define MAX_TYPES 1000

typedef struct reader {
    hop_context *context;
    hop__lines lines;
    int64_t atoms, types, seen;
    double low[3], high[3], tilt[3];
    bool have[3], masses;
    int32_t element[MAX_TYPES]; /* of a type, -1: unknown */
    bool *placed;
    hop_structure *structure;
} reader;

static int bad(const reader *r, const char *expected, hop__span got) {
    char quote[HOP__QUOTE_SIZE];
    return hop__fail(r->context, HOP_ERROR_FORMAT, "%.200s:%lld: expected %s, got '%s'",
                     r->lines.name, (long long)r->lines.number, expected,
                     hop__quote(got, quote));
}

/* A line without its comment; false at the end of the file. */
static bool next_line(reader *r, hop__span *line, hop__span *comment) {
    if (!hop__lines_next(&r->lines, line))
        return false;
    const char *hash = memchr(line->start, '#', line->length);
    *comment = (hop__span){"", 0};
    if (hash) {
        const size_t at = (size_t)(hash - line->start);
        *comment = hop__span_trim((hop__span){hash + 1, line->length - at - 1});
        line->length = at;
    }
    *line = hop__span_trim(*line);
    return true;
}

static bool ends_with(hop__span line, const char *words) {
    const size_t length = strlen(words);
    return line.length >= length &&
           memcmp(line.start + line.length - length, words, length) == 0;
}

static int numbers(const reader *r, hop__span line, int count, double *values,
                   const char *expected) {
    hop__span word, rest = line;
    for (int k = 0; k < count; k++)
        if (!hop__span_word(&rest, &word) || !hop__span_double(word, &values[k]))
            return bad(r, expected, line);
    return HOP_OK;
}

static int count_of(const reader *r, hop__span line, int64_t most, int64_t *count) {
    hop__span word, rest = line;
    if (!hop__span_word(&rest, &word) || !hop__span_integer(word, count) ||
        *count < 1 || *count > most)
        return bad(r, "a number from 1 up to the limit", line);
    return HOP_OK;
}

/* ---- the header ---- */

static int read_bounds(reader *r, hop__span line, int axis) {
    double bounds[2] = {0.0, 0.0};
    int status = numbers(r, line, 2, bounds, "two bounds of the box");
    if (status != HOP_OK)
        return status;
    r->low[axis] = bounds[0];
    r->high[axis] = bounds[1];
    r->have[axis] = true;
    return bounds[1] - bounds[0] > 0.0 && bounds[1] - bounds[0] < INFINITY
               ? HOP_OK
               : bad(r, "a lower bound below the upper one", line);
}

/* True for a line of the header; other lines begin a section. */
static bool read_header_line(reader *r, hop__span line, int *status) {
    static const char *const bounds[3] = {"xlo xhi", "ylo yhi", "zlo zhi"};
    for (int k = 0; k < 3; k++)
        if (ends_with(line, bounds[k])) {
            *status = read_bounds(r, line, k);
            return true;
        }
    if (ends_with(line, "xy xz yz"))
        *status = numbers(r, line, 3, r->tilt, "three tilt factors");
    else if (ends_with(line, " atom types"))
        *status = count_of(r, line, MAX_TYPES, &r->types);
    else if (ends_with(line, " atoms"))
        *status = count_of(r, line, HOP__MAX_ATOMS, &r->atoms);
    else
        return line.length > 0 && line.start[0] >= '0' && line.start[0] <= '9';
    return true;
}

static int check_header(reader *r) {
    const char *missing = r->atoms < 1   ? "the number of atoms"
                          : r->types < 1 ? "the number of atom types"
                          : !r->have[0]  ? "xlo xhi"
                          : !r->have[1]  ? "ylo yhi"
                          : !r->have[2]  ? "zlo zhi"
                                         : NULL;
    if (missing)
        return bad(r, missing, (hop__span){"another section", 15});
    /* each needs "1 1 0 0 0": never believe the count beyond what is there */
    if ((uint64_t)r->atoms > (uint64_t)(r->lines.end - r->lines.next) / 9 + 1)
        return bad(r, "as many lines as atoms", (hop__span){"the end", 7});
    return HOP_OK;
}

/* ---- sections ---- */

static int next_entry(reader *r, hop__span *line, hop__span *comment) {
    do
        if (!next_line(r, line, comment))
            return hop__fail(r->context, HOP_ERROR_FORMAT,
                             "%.200s:%lld: expected another line of the section, the "
                             "file ends",
                             r->lines.name, (long long)r->lines.number);
    while (line->length == 0);
    return HOP_OK;
}

static int32_t nearest_element(double mass) {
    int32_t best = 1;
    for (int32_t k = 2; k < HOP__ELEMENTS; k++)
        if (fabs(hop_element_mass(k) - mass) < fabs(hop_element_mass(best) - mass))
            best = k;
    return fabs(hop_element_mass(best) - mass) <= 0.3 ? best : -1;
}

/* The comment behind a mass names the type; without a symbol there, the mass does. */
static int read_masses(reader *r) {
    for (int64_t k = 0; k < r->types; k++) {
        hop__span line, comment, word, rest;
        int64_t type;
        double mass;
        int status = next_entry(r, &line, &comment);
        if (status != HOP_OK)
            return status;
        rest = line;
        if (!hop__span_word(&rest, &word) || !hop__span_integer(word, &type) ||
            type < 1 || type > r->types)
            return bad(r, "an atom type", line);
        if (!hop__span_word(&rest, &word) || !hop__span_double(word, &mass) ||
            !(mass > 0.0))
            return bad(r, "a positive mass", line);
        int32_t named =
            hop__span_word(&comment, &word) ? hop__element_from_span(word) : -1;
        r->element[type - 1] = named >= 0 ? named : nearest_element(mass);
        if (r->element[type - 1] < 0)
            return bad(r, "the mass of an element, or its symbol as a comment", line);
    }
    r->masses = true;
    return HOP_OK;
}

static int read_atom(reader *r) {
    hop__span line, comment, word, rest;
    int64_t id, type;
    double x[3];
    int status = next_entry(r, &line, &comment);
    if (status != HOP_OK)
        return status;
    rest = line;
    if (!hop__span_word(&rest, &word) || !hop__span_integer(word, &id) || id < 1 ||
        id > r->atoms)
        return bad(r, "the number of an atom, from 1 to the number of atoms", line);
    if (!hop__span_word(&rest, &word) || !hop__span_integer(word, &type) || type < 1 ||
        type > r->types)
        return bad(r, "an atom type", word);
    status = numbers(r, rest, 3, x, "a position of three numbers");
    if (status != HOP_OK)
        return status;
    if (r->placed[id - 1])
        return bad(r, "each atom once", line);
    r->placed[id - 1] = true;
    for (int k = 0; k < 3; k++) /* the origin becomes the corner of the box */
        r->structure->positions[3 * (id - 1) + k] = x[k] - r->low[k];
    r->structure->numbers[id - 1] = (int32_t)type;
    return HOP_OK;
}

static int read_atoms(reader *r, hop__span style) {
    if (style.length > 0 && !hop__span_equals(style, "atomic"))
        return bad(r, "atom style atomic", style);
    if (r->structure)
        return bad(r, "one section Atoms", style);
    int status = hop__structure_blank(r->context, (size_t)r->atoms, &r->structure);
    if (status != HOP_OK)
        return status;
    r->placed = hop__allocate(r->context, (size_t)r->atoms, sizeof *r->placed);
    if (!r->placed)
        return HOP_ERROR_MEMORY;
    for (int64_t k = 0; k < r->atoms && status == HOP_OK; k++)
        status = read_atom(r);
    return status;
}

/* Velocities and coefficients are skipped: all lines up to the next word. */
static bool is_section(hop__span line) {
    return line.length > 0 && ((line.start[0] >= 'A' && line.start[0] <= 'Z') ||
                               (line.start[0] >= 'a' && line.start[0] <= 'z'));
}

static int read_file(reader *r) {
    hop__span line, comment;
    bool header = true;
    int status = HOP_OK;
    hop__lines_next(&r->lines, &line); /* the title */
    while (status == HOP_OK && next_line(r, &line, &comment)) {
        if (line.length == 0 || (header && read_header_line(r, line, &status)))
            continue;
        if (!is_section(line))
            continue;
        if (header)
            status = check_header(r);
        header = false;
        if (status == HOP_OK && hop__span_equals(line, "Masses"))
            status = read_masses(r);
        else if (status == HOP_OK && hop__span_equals(line, "Atoms"))
            status = read_atoms(r, comment);
    }
    if (status == HOP_OK && !r->structure)
        status = bad(r, "a section Atoms", (hop__span){"none", 4});
    if (status == HOP_OK && !r->masses)
        status = bad(r, "a section Masses, from which the elements follow",
                     (hop__span){"none", 4});
    return status;
}

/* Types become elements, and the box a cell. */
static int finish(reader *r) {
    hop_structure *s = r->structure;
    for (size_t i = 0; i < s->count; i++)
        s->numbers[i] = r->element[s->numbers[i] - 1];
    for (int k = 0; k < 3; k++) {
        s->cell[4 * k] = r->high[k] - r->low[k];
        s->periodic[k] = 1;
    }
    s->cell[3] = r->tilt[0];
    s->cell[6] = r->tilt[1];
    s->cell[7] = r->tilt[2];
    return hop__all_finite(s->positions, 3 * s->count)
               ? HOP_OK
               : bad(r, "positions within reach", (hop__span){"others", 6});
}

int hop__lammps_read(hop_context *context, const char *name, const char *text,
                     size_t size, hop_structure **out) {
    *out = NULL;
    reader *r = hop__allocate(context, 1, sizeof *r);
    if (!r)
        return HOP_ERROR_MEMORY;
    r->context = context;
    for (int k = 0; k < MAX_TYPES; k++)
        r->element[k] = -1;
    hop__lines_start(&r->lines, name, text, size);
    int status = read_file(r);
    for (size_t i = 0; status == HOP_OK && i < r->structure->count; i++)
        if (r->element[r->structure->numbers[i] - 1] < 0)
            status = bad(r, "a mass for each type that occurs", (hop__span){"none", 4});
    if (status == HOP_OK)
        status = finish(r);
    if (status == HOP_OK)
        *out = r->structure;
    else
        hop_structure_free(r->structure);
    hop__release(context, r->placed);
    hop__release(context, r);
    return status;
}

/* ---- writing ---- */

/* rows of `turn`: the axes in which the cell is lower triangular. */
static int orient(hop_context *context, const double *cell, double box[9],
                  double turn[9]) {
    const double *a = cell, *b = cell + 3;
    const double length = sqrt(hop__dot(a, a, 3));
    const double along = hop__dot(a, b, 3) / length;
    if (!(hop__determinant3(cell) > 0.0))
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "LAMMPS data: expected a right-handed cell with a volume, got "
                         "volume %g",
                         hop__determinant3(cell));
    for (int k = 0; k < 3; k++) {
        turn[k] = a[k] / length;
        turn[3 + k] = b[k] - along * turn[k];
    }
    const double across = sqrt(hop__dot(turn + 3, turn + 3, 3));
    for (int k = 0; k < 3; k++)
        turn[3 + k] /= across;
    for (int k = 0; k < 3; k++)
        turn[6 + k] = turn[(k + 1) % 3] * turn[3 + (k + 2) % 3] -
                      turn[(k + 2) % 3] * turn[3 + (k + 1) % 3];
    for (int k = 0; k < 9; k++)
        box[k] = hop__dot(cell + 3 * (k / 3), turn + 3 * (k % 3), 3);
    if (cell[1] == 0.0 && cell[2] == 0.0 && cell[5] == 0.0 && cell[0] > 0.0 &&
        cell[4] > 0.0) { /* it stands so already: to the last bit */
        const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
        memcpy(turn, identity, sizeof identity);
        memcpy(box, cell, 9 * sizeof *box);
    }
    return HOP_OK;
}

/* A cluster gets a box around it, with room. */
static int choose_box(hop_context *context, const hop_structure *s, double box[9],
                      double turn[9], double low[3]) {
    static const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    memset(low, 0, 3 * sizeof *low);
    if (hop__structure_is_periodic(s) || hop__determinant3(s->cell) != 0.0)
        return orient(context, s->cell, box, turn);
    double high[3];
    memset(box, 0, 9 * sizeof *box);
    memcpy(turn, identity, sizeof identity);
    for (int k = 0; k < 3; k++) {
        low[k] = high[k] = s->positions[k];
        for (size_t i = 0; i < s->count; i++) {
            low[k] = fmin(low[k], s->positions[3 * i + (size_t)k]);
            high[k] = fmax(high[k], s->positions[3 * i + (size_t)k]);
        }
        low[k] -= 10.0;
        box[4 * k] = high[k] + 10.0 - low[k];
    }
    return HOP_OK;
}

static void add_box(hop__text *text, const double box[9], const double low[3]) {
    for (int k = 0; k < 3; k++) {
        hop__text_add_double(text, low[k]);
        hop__text_add(text, " ");
        hop__text_add_double(text, low[k] + box[4 * k]);
        hop__text_add(text, " %clo %chi\n", 'x' + k, 'x' + k);
    }
    if (box[3] == 0.0 && box[6] == 0.0 && box[7] == 0.0)
        return;
    hop__text_add_double(text, box[3]);
    hop__text_add(text, " ");
    hop__text_add_double(text, box[6]);
    hop__text_add(text, " ");
    hop__text_add_double(text, box[7]);
    hop__text_add(text, " xy xz yz\n");
}

int hop__lammps_add(hop_context *context, hop__text *text, const hop_structure *s) {
    double box[9], turn[9], low[3];
    int type[HOP__ELEMENTS] = {0}, types = 0;
    int status = choose_box(context, s, box, turn, low);
    if (status != HOP_OK)
        return status;
    for (size_t i = 0; i < s->count; i++)
        type[s->numbers[i]] = 1;
    for (int k = 0; k < HOP__ELEMENTS; k++)
        if (type[k])
            type[k] = ++types;
    hop__text_add(text, "written by libhop\n\n%zu atoms\n%d atom types\n\n", s->count,
                  types);
    add_box(text, box, low);
    hop__text_add(text, "\nMasses\n\n");
    for (int k = 0; k < HOP__ELEMENTS; k++)
        if (type[k]) {
            hop__text_add(text, "%d ", type[k]);
            hop__text_add_double(text, hop_element_mass(k));
            hop__text_add(text, " # %s\n", hop_element_symbol(k));
        }
    hop__text_add(text, "\nAtoms # atomic\n\n");
    for (size_t i = 0; i < s->count && !text->failed; i++) {
        hop__text_add(text, "%zu %d", i + 1, type[s->numbers[i]]);
        for (int k = 0; k < 3; k++) {
            hop__text_add(text, " ");
            hop__text_add_double(text, hop__dot(turn + 3 * k, s->positions + 3 * i, 3));
        }
        hop__text_add(text, "\n");
    }
    return text->failed ? HOP_ERROR_MEMORY : HOP_OK;
}

/* POSCAR and CONTCAR, VASP 5 and later: a title, a scale, three lattice vectors, symbols and
   counts, "Selective dynamics" or not, "Direct" or "Cartesian", positions. */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "io/formats.h"
#include "structure/elements.h"

#define MAX_SPECIES 128

typedef struct reader {
    hop_context *context;
    hop__lines lines;
    double scale[3], cell[9];
    int32_t species[MAX_SPECIES];
    size_t counts[MAX_SPECIES], kinds, atoms;
    bool selective, direct;
} reader;

static int bad(const reader *r, const char *expected, hop__span got) {
    char quote[HOP__QUOTE_SIZE];
    return hop__fail(r->context, HOP_ERROR_FORMAT, "%.200s:%lld: expected %s, got '%s'",
                     r->lines.name, (long long)r->lines.number, expected,
                     hop__quote(got, quote));
}

static int next_line(reader *r, const char *what, hop__span *line) {
    if (hop__lines_next(&r->lines, line))
        return HOP_OK;
    return hop__fail(r->context, HOP_ERROR_FORMAT,
                     "%.200s:%lld: expected %s, the file ends", r->lines.name,
                     (long long)r->lines.number, what);
}

/* How many of the first numbers of a line there are, up to three. */
static int some_numbers(hop__span *line, double values[3]) {
    hop__span word, rest = *line;
    int count = 0;
    while (count < 3 && hop__span_word(&rest, &word) &&
           hop__span_double(word, &values[count])) {
        *line = rest;
        count++;
    }
    return count;
}

/* One factor, a negative one being the volume, or a positive one for each axis. */
static int read_scale(reader *r) {
    hop__span line, all;
    int status = next_line(r, "a scaling factor", &line);
    if (status != HOP_OK)
        return status;
    all = line;
    int count = some_numbers(&line, r->scale);
    if (count == 3 && r->scale[0] > 0.0 && r->scale[1] > 0.0 && r->scale[2] > 0.0)
        return HOP_OK;
    if (count == 0 || count == 3 || r->scale[0] == 0.0)
        return bad(r, "a scaling factor, a negative volume, or three positive factors",
                   all);
    r->scale[1] = r->scale[2] = r->scale[0];
    return HOP_OK;
}

static int read_cell(reader *r) {
    for (int k = 0; k < 3; k++) {
        hop__span line, all;
        int status = next_line(r, "a lattice vector", &line);
        if (status != HOP_OK)
            return status;
        all = line;
        if (some_numbers(&line, r->cell + 3 * k) != 3)
            return bad(r, "a lattice vector of three numbers", all);
    }
    const double volume = fabs(hop__determinant3(r->cell));
    if (!(volume > 0.0 && volume < INFINITY))
        return hop__fail(r->context, HOP_ERROR_FORMAT,
                         "%.200s:%lld: expected three independent lattice vectors",
                         r->lines.name, (long long)r->lines.number);
    if (r->scale[0] < 0.0)
        r->scale[0] = r->scale[1] = r->scale[2] = cbrt(-r->scale[0] / volume);
    for (int k = 0; k < 9; k++)
        r->cell[k] *= r->scale[k % 3];
    if (!hop__all_finite(r->cell, 9))
        return hop__fail(r->context, HOP_ERROR_FORMAT,
                         "%.200s:2: expected a smaller scaling factor", r->lines.name);
    return HOP_OK;
}

/* Of "Ag", "Ag_pv" and "Ag/1a2b3c", as VASP's potentials are called: the element. */
static hop__span element_of(hop__span word) {
    for (size_t k = 0; k < word.length; k++)
        if (word.start[k] == '_' || word.start[k] == '/')
            word.length = k;
    return word;
}

static int read_species(reader *r) {
    hop__span line, word;
    int64_t number;
    int status = next_line(r, "element symbols", &line);
    while (status == HOP_OK && hop__span_word(&line, &word)) {
        if (hop__span_integer(word, &number))
            return bad(r, "element symbols (VASP 5), not the counts of VASP 4 alone",
                       word);
        if (r->kinds == MAX_SPECIES)
            return bad(r, "at most 128 element symbols", word);
        r->species[r->kinds] = hop__element_from_span(element_of(word));
        if (r->species[r->kinds++] < 0)
            return bad(r, "an element symbol", word);
    }
    return status == HOP_OK && r->kinds == 0 ? bad(r, "element symbols", line) : status;
}

static int read_counts(reader *r) {
    hop__span line, word;
    int64_t count;
    int status = next_line(r, "numbers of atoms", &line);
    for (size_t k = 0; k < r->kinds && status == HOP_OK; k++) {
        if (!hop__span_word(&line, &word))
            return bad(r, "a number of atoms for each element", line);
        if (!hop__span_integer(word, &count) || count < 0 || count > HOP__MAX_ATOMS)
            return bad(r, "a number of atoms", word);
        r->counts[k] = (size_t)count;
        r->atoms += (size_t)count;
    }
    if (status != HOP_OK)
        return status;
    if (hop__span_word(&line, &word) && hop__span_integer(word, &count))
        return bad(r, "as many numbers of atoms as elements", word);
    /* each needs "0 0 0" at least: never believe the count beyond what is there */
    if (r->atoms < 1 || r->atoms > (size_t)(r->lines.end - r->lines.next) / 5)
        return hop__fail(r->context, HOP_ERROR_FORMAT,
                         "%.200s:%lld: expected as many positions as atoms, got %zu "
                         "atoms",
                         r->lines.name, (long long)r->lines.number, r->atoms);
    return HOP_OK;
}

static bool begins(hop__span line, const char *letters) {
    line = hop__span_trim(line);
    return line.length > 0 && strchr(letters, line.start[0]) && line.start[0] != '\0';
}

static int read_mode(reader *r) {
    hop__span line;
    int status = next_line(r, "Direct or Cartesian", &line);
    if (status == HOP_OK && begins(line, "sS")) {
        r->selective = true;
        status = next_line(r, "Direct or Cartesian", &line);
    }
    if (status != HOP_OK)
        return status;
    r->direct = begins(line, "dD");
    if (!r->direct && !begins(line, "cCkK"))
        return bad(r, "Direct or Cartesian", line);
    return HOP_OK;
}

static int read_flags(reader *r, hop__span *line, int32_t *fixed) {
    hop__span word;
    int count = 0;
    for (int k = 0; k < 3; k++) {
        if (!hop__span_word(line, &word))
            return bad(r, "three flags T or F", *line);
        size_t dot = word.length > 1 && word.start[0] == '.';
        char c = word.start[dot];
        if (!strchr("tTfF", c) || c == '\0')
            return bad(r, "T or F", word);
        count += c == 'f' || c == 'F';
    }
    if (count != 0 && count != 3)
        return bad(r, "an atom fixed along all axes or none", *line);
    *fixed = count == 3;
    return HOP_OK;
}

static int read_atom(reader *r, double x[3], int32_t *fixed) {
    hop__span line, all;
    double value[3];
    int status = next_line(r, "a position", &line);
    if (status != HOP_OK)
        return status;
    all = line;
    if (some_numbers(&line, value) != 3)
        return bad(r, "a position of three numbers", all);
    for (int k = 0; k < 3; k++)
        x[k] = r->direct ? value[0] * r->cell[k] + value[1] * r->cell[3 + k] +
                               value[2] * r->cell[6 + k]
                         : value[k] * r->scale[k];
    if (!hop__all_finite(x, 3))
        return bad(r, "a position within reach", all);
    return r->selective ? read_flags(r, &line, fixed) : HOP_OK;
}

static int read_atoms(reader *r, hop_structure *s) {
    int status = HOP_OK;
    for (size_t i = 0, kind = 0, left = r->counts[0]; i < s->count && status == HOP_OK;
         i++, left--) {
        while (left == 0)
            left = r->counts[++kind];
        s->numbers[i] = r->species[kind];
        status = read_atom(r, s->positions + 3 * i, &s->fixed[i]);
    }
    memcpy(s->cell, r->cell, sizeof r->cell);
    for (int k = 0; k < 3; k++)
        s->periodic[k] = 1;
    return status;
}

int hop__poscar_read(hop_context *context, const char *name, const char *text,
                     size_t size, hop_structure **out) {
    reader r = {.context = context};
    hop__span title;
    *out = NULL;
    hop__lines_start(&r.lines, name, text, size);
    int status = next_line(&r, "a title", &title);
    if (status == HOP_OK)
        status = read_scale(&r);
    if (status == HOP_OK)
        status = read_cell(&r);
    if (status == HOP_OK)
        status = read_species(&r);
    if (status == HOP_OK)
        status = read_counts(&r);
    if (status == HOP_OK)
        status = read_mode(&r);
    if (status == HOP_OK)
        status = hop__structure_blank(context, r.atoms, out);
    if (status == HOP_OK)
        status = read_atoms(&r, *out);
    if (status != HOP_OK) {
        hop_structure_free(*out);
        *out = NULL;
    }
    return status;
}

/* ---- writing ---- */

/* Atoms of one element stand together; atoms keep their order within it. */
static void add_atoms(hop__text *text, const hop_structure *s, int32_t number,
                      bool fixed) {
    for (size_t i = 0; i < s->count && !text->failed; i++) {
        if (s->numbers[i] != number)
            continue;
        for (size_t k = 0; k < 3; k++) {
            hop__text_add(text, k > 0 ? " " : "");
            hop__text_add_double(text, s->positions[3 * i + k]);
        }
        hop__text_add(text, fixed ? (s->fixed[i] ? " F F F\n" : " T T T\n") : "\n");
    }
}

int hop__poscar_add(hop_context *context, hop__text *text, const hop_structure *s) {
    int32_t order[HOP__ELEMENTS];
    size_t counts[HOP__ELEMENTS] = {0}, kinds = 0;
    bool fixed = false;
    if (!s->periodic[0] || !s->periodic[1] || !s->periodic[2])
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "POSCAR: expected a structure periodic in all three "
                         "directions");
    for (size_t i = 0; i < s->count; i++) {
        fixed |= s->fixed[i] != 0;
        if (counts[s->numbers[i]]++ == 0)
            order[kinds++] = s->numbers[i];
    }
    hop__text_add(text, "written by libhop\n1.0\n");
    for (int k = 0; k < 9; k++) {
        hop__text_add_double(text, s->cell[k]);
        hop__text_add(text, k % 3 == 2 ? "\n" : " ");
    }
    for (size_t k = 0; k < kinds; k++)
        hop__text_add(text, "%s%s", k > 0 ? " " : "", hop_element_symbol(order[k]));
    for (size_t k = 0; k < kinds; k++)
        hop__text_add(text, "%s%zu", k > 0 ? " " : "\n", counts[order[k]]);
    hop__text_add(text, fixed ? "\nSelective dynamics\nCartesian\n" : "\nCartesian\n");
    for (size_t k = 0; k < kinds; k++)
        add_atoms(text, s, order[k], fixed);
    return text->failed ? HOP_ERROR_MEMORY : HOP_OK;
}

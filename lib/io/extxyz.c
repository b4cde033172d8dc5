/* Reading extended XYZ: a count, a line of key=value pairs, a row for each atom; frames
 * follow one another.  Plain XYZ is read too.  docs/formats.md lists what is understood. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/vector_math.h"
#include "io/extxyz.h"
#include "structure/elements.h"

#define MAX_ATOMS 10000000
#define MAX_COLUMNS 64

enum column { SKIP, SPECIES, NUMBER, POSITION, FORCE, ENERGY, FREE };

typedef struct frame {
    hop_context *context;
    hop__lines *lines;
    enum column column[MAX_COLUMNS];
    int part[MAX_COLUMNS]; /* which component */
    size_t columns;
    int32_t number; /* of the atom of this row, -1 before it is known */
    hop__span comment;
    bool plain, has_cell, has_pbc, has_stress;
    double cell[9], energy, virial[6], stress[6];
    int32_t periodic[3];
} frame;

static int bad(const frame *f, const char *expected, hop__span got) {
    char quote[HOP__QUOTE_SIZE];
    return hop__fail(f->context, HOP_ERROR_FORMAT, "%.200s:%lld: expected %s, got '%s'",
                     f->lines->name, (long long)f->lines->number, expected,
                     hop__quote(got, quote));
}

/* ---- the second line ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Where the value that begins at `k` ends: at the quote or bracket that closes it, at a
   blank when it is bare. */
static size_t value_end(hop__span text, size_t k, char open, char close) {
    size_t depth = 0;
    for (; k < text.length; k++) {
        char c = text.start[k];
        if (!close && is_blank(c))
            break;
        if (open == '"' && c == '\\' && k + 1 < text.length)
            k++;
        else if (close && c == close && depth-- == 0)
            break;
        else if (close && open != '"' && c == open)
            depth++;
    }
    return k;
}

/* key = value; the value may be quoted or in brackets, and starts at NULL when there is
   none.  False at the end of the line; *closed is false when a quote is not. */
static bool next_pair(hop__span *rest, hop__span *key, hop__span *value, bool *closed) {
    *rest = hop__span_trim(*rest);
    *closed = true;
    *value = (hop__span){NULL, 0};
    size_t k = 0;
    while (k < rest->length && rest->start[k] != '=' && !is_blank(rest->start[k]))
        k++;
    *key = (hop__span){rest->start, k};
    if (rest->length == 0)
        return false;
    size_t equals = k;
    while (equals < rest->length && is_blank(rest->start[equals]))
        equals++;
    if (equals < rest->length && rest->start[equals] == '=') {
        k = equals + 1;
        while (k < rest->length && is_blank(rest->start[k]))
            k++;
        char open = k < rest->length ? rest->start[k] : ' ';
        char close = open == '"' ? '"' : open == '{' ? '}' : open == '[' ? ']' : 0;
        size_t begin = close ? k + 1 : k;
        k = value_end(*rest, begin, open, close);
        *value = (hop__span){rest->start + begin, k - begin};
        *closed = !close || k < rest->length;
        k += close && k < rest->length;
    }
    rest->start += k;
    rest->length -= k;
    return true;
}

static bool is_separator(char c) {
    return is_blank(c) || c == ',' || c == '[' || c == ']';
}

/* The next element of an array, in whichever style it is written; empty at the end. */
static hop__span next_element(hop__span *text) {
    size_t k = 0, length = 0;
    while (k < text->length && is_separator(text->start[k]))
        k++;
    while (k + length < text->length && !is_separator(text->start[k + length]))
        length++;
    hop__span element = {text->start + k, length};
    text->start += k + length;
    text->length -= k + length;
    return element;
}

static bool numbers(hop__span text, double *values, size_t count) {
    if (!text.start)
        return false;
    for (size_t k = 0; k < count; k++)
        if (!hop__span_double(next_element(&text), &values[k]))
            return false;
    return next_element(&text).length == 0;
}

static bool flag(hop__span word, int32_t *value) {
    static const char *const yes[] = {"T", "true", "1"}, *const no[] = {"F", "false",
                                                                        "0"};
    for (int k = 0; k < 3; k++)
        if (hop__span_equals_nocase(word, yes[k]) ||
            hop__span_equals_nocase(word, no[k])) {
            *value = hop__span_equals_nocase(word, yes[k]);
            return true;
        }
    return false;
}

static bool flags(hop__span text, int32_t values[3]) {
    if (!text.start)
        return false;
    for (int k = 0; k < 3; k++)
        if (!flag(next_element(&text), &values[k]))
            return false;
    return next_element(&text).length == 0;
}

static bool voigt(hop__span text, double v[6]) {
    double m[9];
    if (numbers(text, v, 6))
        return true;
    if (!numbers(text, m, 9))
        return false;
    const int at[6] = {0, 4, 8, 5, 2, 1};
    for (int k = 0; k < 6; k++)
        v[k] = m[at[k]];
    return true;
}

static bool take(hop__span *text, hop__span *word) {
    const char *colon = memchr(text->start, ':', text->length);
    size_t length = colon ? (size_t)(colon - text->start) : text->length;
    *word = (hop__span){text->start, length};
    text->start += colon ? length + 1 : length;
    text->length -= colon ? length + 1 : length;
    return length > 0;
}

static enum column column_of(hop__span name, hop__span type, int64_t count) {
    bool real = hop__span_equals(type, "R");
    if (hop__span_equals(name, "species") && hop__span_equals(type, "S") && count == 1)
        return SPECIES;
    if (hop__span_equals(name, "Z") && hop__span_equals(type, "I") && count == 1)
        return NUMBER;
    if (hop__span_equals(name, "pos") && real && count == 3)
        return POSITION;
    if ((hop__span_equals(name, "forces") || hop__span_equals(name, "force")) && real &&
        count == 3)
        return FORCE;
    if (hop__span_equals(name, "energies") && real && count == 1)
        return ENERGY;
    if (hop__span_equals(name, "move_mask") && hop__span_equals(type, "L") &&
        (count == 1 || count == 3))
        return FREE;
    return SKIP;
}

static int read_properties(frame *f, hop__span text) {
    hop__span name, type, count_text, all = text;
    bool position = false, species = false;
    f->columns = 0;
    while (text.length > 0) {
        int64_t count = 0;
        if (!take(&text, &name) || !take(&text, &type) || !take(&text, &count_text) ||
            !hop__span_integer(count_text, &count) || count < 1 ||
            f->columns + (size_t)count > MAX_COLUMNS)
            return bad(f, "Properties as name:type:count, at most 64 columns", all);
        enum column column = column_of(name, type, count);
        position |= column == POSITION;
        species |= column == SPECIES || column == NUMBER;
        for (int k = 0; k < count; k++) {
            f->column[f->columns] = column;
            f->part[f->columns++] = k;
        }
    }
    if (!position || !species)
        return bad(f, "Properties with species or Z and pos", all);
    return HOP_OK;
}

static int read_pair(frame *f, hop__span key, hop__span value) {
    if (hop__span_equals(key, "Properties"))
        return read_properties(f, value);
    if (hop__span_equals(key, "Lattice")) {
        f->has_cell = numbers(value, f->cell, 9);
        return f->has_cell ? HOP_OK : bad(f, "Lattice with 9 numbers", value);
    }
    if (hop__span_equals(key, "pbc")) {
        f->has_pbc = flags(value, f->periodic);
        return f->has_pbc ? HOP_OK : bad(f, "pbc with three of T and F", value);
    }
    if (hop__span_equals(key, "energy") && !numbers(value, &f->energy, 1))
        return bad(f, "energy with a number", value);
    if (hop__span_equals(key, "virial") && !voigt(value, f->virial))
        return bad(f, "virial with 6 or 9 numbers", value);
    if (hop__span_equals(key, "stress")) {
        f->has_stress = voigt(value, f->stress);
        return f->has_stress ? HOP_OK : bad(f, "stress with 6 or 9 numbers", value);
    }
    return HOP_OK;
}

static void start_comment(frame *f) {
    static const enum column plain[4] = {SPECIES, POSITION, POSITION, POSITION};
    f->energy = NAN;
    for (int k = 0; k < 6; k++)
        f->virial[k] = NAN;
    for (int k = 0; k < 4; k++) {
        f->column[k] = plain[k];
        f->part[k] = k > 0 ? k - 1 : 0;
    }
    f->columns = 4;
}

static bool has_properties(hop__span line) {
    hop__span key, value;
    bool closed;
    while (next_pair(&line, &key, &value, &closed))
        if (hop__span_equals(key, "Properties") && value.start)
            return true;
    return false;
}

/* Without Properties the line is free text: only a cell, its periodicity and an energy
   that is a number are looked for. */
static bool known_in_plain(hop__span key, hop__span value) {
    double energy;
    return hop__span_equals(key, "Lattice") || hop__span_equals(key, "pbc") ||
           (hop__span_equals(key, "energy") && numbers(value, &energy, 1));
}

static int read_comment(frame *f) {
    hop__span line, key, value;
    bool closed = true;
    start_comment(f);
    if (!hop__lines_next(f->lines, &line))
        return bad(f, "a comment line", (hop__span){"", 0});
    f->comment = line;
    f->plain = !has_properties(line);
    while (next_pair(&line, &key, &value, &closed)) {
        if (f->plain && !(value.start && known_in_plain(key, value)))
            continue;
        if (!closed)
            return bad(f, "a closing quote or bracket", value);
        int status = read_pair(f, key, value);
        if (status != HOP_OK)
            return status;
    }
    bool zero = hop__dot(f->cell, f->cell, 9) == 0.0;
    for (int k = 0; k < 3 && !f->has_pbc; k++)
        f->periodic[k] = f->has_cell && !zero;
    return HOP_OK;
}

/* ---- rows ---- */

/* A symbol, or an atomic number where that is usual; all of a row must agree. */
static int read_element(frame *f, hop__span word, bool symbol, int32_t *number) {
    int64_t value;
    *number = symbol ? hop__element_from_span(word) : -1;
    if ((!symbol || f->plain) && hop__span_integer(word, &value) && value >= 0 &&
        value < HOP__ELEMENTS)
        *number = (int32_t)value;
    if (*number < 0)
        return bad(f, symbol ? "an element symbol" : "an atomic number", word);
    if (f->number >= 0 && f->number != *number)
        return bad(f, "species and Z to be the same element", word);
    f->number = *number;
    return HOP_OK;
}

static int read_free(const frame *f, hop__span word, int part, int32_t *fixed) {
    int32_t free;
    if (!flag(word, &free))
        return bad(f, "T or F", word);
    if (part > 0 && *fixed == free)
        return bad(f, "an atom fixed along all axes or none", word);
    *fixed = !free;
    return HOP_OK;
}

static int read_word(frame *f, hop__span word, size_t k, size_t i, hop_structure *s) {
    size_t at = 3 * i + (size_t)f->part[k];
    switch (f->column[k]) {
    case SPECIES:
    case NUMBER: return read_element(f, word, f->column[k] == SPECIES, &s->numbers[i]);
    case POSITION:
        return hop__span_double(word, &s->positions[at]) ? HOP_OK
                                                         : bad(f, "a coordinate", word);
    case FORCE:
        return hop__span_double(word, &s->forces[at]) ? HOP_OK
                                                      : bad(f, "a force", word);
    case ENERGY:
        return hop__span_double(word, &s->energies[i]) ? HOP_OK
                                                       : bad(f, "an energy", word);
    case FREE: return read_free(f, word, f->part[k], &s->fixed[i]);
    default: return HOP_OK;
    }
}

static int read_rows(frame *f, hop_structure *s) {
    for (size_t i = 0; i < s->count; i++) {
        hop__span line, word;
        if (!hop__lines_next(f->lines, &line))
            return hop__fail(f->context, HOP_ERROR_FORMAT,
                             "%.200s:%lld: expected %zu atoms, the file ends after %zu",
                             f->lines->name, (long long)f->lines->number, s->count, i);
        f->number = -1;
        for (size_t k = 0; k < f->columns; k++) {
            word = (hop__span){line.start, 0};
            if (!hop__span_word(&line, &word))
                return bad(f, "a value in each column", word);
            int status = read_word(f, word, k, i, s);
            if (status != HOP_OK)
                return status;
        }
        if (!f->plain && hop__span_word(&line, &word))
            return bad(f, "the end of the row", word);
    }
    return HOP_OK;
}

static int skip_rows(frame *f, size_t count) {
    hop__span line;
    for (size_t i = 0; i < count; i++)
        if (!hop__lines_next(f->lines, &line))
            return hop__fail(f->context, HOP_ERROR_FORMAT,
                             "%.200s:%lld: expected %zu atoms, the file ends after %zu",
                             f->lines->name, (long long)f->lines->number, count, i);
    return HOP_OK;
}

/* ---- frames ---- */

/* HOP_END when only blank lines are left. */
static int read_count(frame *f, size_t *count) {
    hop__span line;
    int64_t value;
    do
        if (!hop__lines_next(f->lines, &line))
            return HOP_END;
    while (hop__span_trim(line).length == 0);
    line = hop__span_trim(line);
    if (!hop__span_integer(line, &value) || value < 1 || value > MAX_ATOMS)
        return bad(f, "a number of atoms from 1 to 10000000", line);
    /* each atom needs "H 0 0 0" at least: never believe the count beyond what is there */
    if ((size_t)value > (size_t)(f->lines->end - f->lines->next) / 8 + 1) {
        f->lines->next = f->lines->end; /* it is the end that is missing */
        return bad(f, "as many lines as atoms", line);
    }
    *count = (size_t)value;
    return HOP_OK;
}

static void finish(const frame *f, hop_structure *s) {
    memcpy(s->cell, f->cell, sizeof f->cell);
    memcpy(s->periodic, f->periodic, sizeof f->periodic);
    *s->energy = f->energy;
    memcpy(s->virial, f->virial, sizeof f->virial);
    double volume = fabs(hop__determinant3(s->cell));
    for (int k = 0; k < 6 && f->has_stress && volume > 0.0 && isnan(f->virial[0]); k++)
        s->virial[k] = -volume * f->stress[k];
}

static int read_frame(hop_context *context, hop__lines *lines, size_t count,
                      hop_structure **out, hop__span *comment) {
    frame f = {.context = context, .lines = lines};
    int status = read_comment(&f);
    if (status != HOP_OK)
        return status;
    if (comment)
        *comment = f.comment;
    status = hop__structure_blank(context, count, out);
    if (status == HOP_OK)
        status = read_rows(&f, *out);
    if (status == HOP_OK) {
        finish(&f, *out);
        return HOP_OK;
    }
    hop_structure_free(*out);
    *out = NULL;
    return status;
}

int hop__extxyz_next(hop_context *context, hop__lines *lines, hop_structure **out,
                     hop__span *comment) {
    frame f = {.context = context, .lines = lines};
    size_t count = 0;
    *out = NULL;
    int status = read_count(&f, &count);
    return status == HOP_OK ? read_frame(context, lines, count, out, comment) : status;
}

bool hop__extxyz_value(hop__span comment, const char *key, hop__span *value) {
    hop__span name;
    bool closed = true;
    while (next_pair(&comment, &name, value, &closed))
        if (hop__span_equals(name, key) && value->start && closed)
            return true;
    return false;
}

bool hop__extxyz_is_torn(const hop__lines *lines, int status) {
    return status == HOP_ERROR_FORMAT && lines->next == lines->end;
}

/* Step over a frame; HOP_END after the last. */
static int skip_frame(hop_context *context, hop__lines *lines) {
    frame f = {.context = context, .lines = lines};
    size_t count = 0;
    int status = read_count(&f, &count);
    return status == HOP_OK ? skip_rows(&f, count + 1) : status;
}

static int count_frames(hop_context *context, const char *path, const char *text,
                        size_t size, int64_t *frames) {
    hop__lines lines;
    int status;
    hop__lines_start(&lines, path, text, size);
    *frames = 0;
    while ((status = skip_frame(context, &lines)) == HOP_OK)
        ++*frames;
    return status == HOP_END ? HOP_OK : status;
}

int hop__extxyz_read(hop_context *context, const char *path, const char *text,
                     size_t size, int64_t wanted, hop_structure **out) {
    hop__lines lines;
    int64_t frames = 0;
    int status = HOP_OK;
    if (wanted < 0) {
        status = count_frames(context, path, text, size, &frames);
        wanted += frames;
    }
    if (status != HOP_OK)
        return status;
    if (wanted < 0)
        return HOP_END;
    hop__lines_start(&lines, path, text, size);
    for (int64_t k = 0; k < wanted && status == HOP_OK; k++)
        status = skip_frame(context, &lines);
    if (status == HOP_OK)
        status = hop__extxyz_next(context, &lines, out, NULL);
    if (status == HOP_END && wanted == 0)
        return hop__fail(context, HOP_ERROR_FORMAT,
                         "%.300s:1: expected a number of atoms, got an empty file",
                         path);
    return status;
}

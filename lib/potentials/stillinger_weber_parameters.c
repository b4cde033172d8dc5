/* Stillinger-Weber files: entries of 3 symbols and 11 numbers, over any number of lines. */
#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/stillinger_weber.h"
#include "structure/elements.h"

typedef struct reader {
    hop_context *context;
    hop__lines lines;
    hop__span rest;
} reader;

static bool next_word(reader *r, hop__span *word) {
    while (!hop__span_word(&r->rest, word))
        if (!hop__parameter_line(&r->lines, &r->rest))
            return false;
    return true;
}

static int read_entry(reader *r, hop__span word, hop__sw_parameters *p) {
    int32_t index[3];
    double v[11];
    for (int k = 0; k < 3; k++) {
        if (k > 0 && !next_word(r, &word))
            return hop__parameter_error(r->context, &r->lines, "three element symbols",
                                        (hop__span){"", 0});
        int32_t number = hop__element_from_span(word);
        if (number < 0)
            return hop__parameter_error(r->context, &r->lines, "an element symbol",
                                        word);
        index[k] = p->species.count < HOP__SW_SPECIES ||
                           hop__species_index(&p->species, number) >= 0
                       ? hop__species_add(&p->species, number)
                       : -1;
        if (index[k] < 0)
            return hop__parameter_error(r->context, &r->lines, "at most 12 elements",
                                        word);
    }
    for (int k = 0; k < 11; k++) {
        if (!next_word(r, &word))
            return hop__parameter_error(r->context, &r->lines,
                                        "11 numbers for an entry", (hop__span){"", 0});
        if (!hop__span_double(word, &v[k]))
            return hop__parameter_error(r->context, &r->lines, "a number", word);
    }
    if (!(v[0] >= 0.0 && v[1] >= 0.0 && v[2] >= 0.0 && v[3] >= 0.0 && v[4] >= 0.0 &&
          v[6] >= 0.0 && v[7] >= 0.0 && v[8] >= 0.0 && v[9] >= 0.0 && v[10] >= 0.0))
        return hop__parameter_error(r->context, &r->lines,
                                    "parameters that are not negative", word);
    hop__sw_entry *e =
        (hop__sw_entry *)hop__sw_entry_of(p, index[0], index[1], index[2]);
    if (e->known)
        return hop__parameter_error(r->context, &r->lines, "each triplet once", word);
    *e = (hop__sw_entry){true, v[0], v[1], v[2], v[3],        v[4],       v[5],
                         v[6], v[7], v[8], v[9], v[1] * v[2], v[1] * v[2]};
    /* tol shortens the reach to where the exponential falls below it, as LAMMPS does */
    double tol = v[10] > 0.01 ? 0.01 : v[10];
    if (tol > 0.0)
        e->reach += (e->gamma < 1.0 ? e->gamma : 1.0) * e->sigma / hop__ln(tol);
    if (index[1] == index[2] && e->reach > p->cutoff)
        p->cutoff = e->reach;
    return HOP_OK;
}

void hop__sw_free_parameters(hop_context *context, void *opaque) {
    hop__sw_parameters *p = opaque;
    if (p)
        hop__release(context, p->name);
    hop__release(context, p);
}

int hop__sw_parse(hop_context *context, const char *name, const char *text, size_t size,
                  void **out) {
    hop__sw_parameters *p = hop__allocate(context, 1, sizeof *p);
    if (!p)
        return HOP_ERROR_MEMORY;
    reader r = {.context = context, .rest = {"", 0}};
    hop__span word;
    int status = hop__parameter_units(context, name, text, size, false, false);
    hop__lines_start(&r.lines, name, text, size);
    while (status == HOP_OK && next_word(&r, &word))
        status = read_entry(&r, word, p);
    if (status == HOP_OK && !(p->cutoff > 0.0))
        status = hop__fail(
            context, HOP_ERROR_FORMAT,
            "%.300s: expected an entry with a positive cut-off, got none", name);
    if (status == HOP_OK && !(p->name = hop__duplicate(context, name)))
        status = HOP_ERROR_MEMORY;
    if (status != HOP_OK)
        hop__sw_free_parameters(context, p);
    else
        *out = p;
    return status;
}

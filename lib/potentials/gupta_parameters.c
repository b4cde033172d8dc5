/* Files of the Gupta potential: one line per pair in the column order of LAMMPS'
 * pair_style smatb. */
#include <math.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/gupta.h"
#include "structure/elements.h"

static double exponential(double r, double height, double steepness, double r0) {
    return height * hop__exp(-steepness * (r / r0 - 1.0));
}

/* a3, a4, a5 from value, slope and curvature of the exponential at the window's start.
 */
static void fit_tail(double value, double steepness, double r0, double start,
                     double end, double tail[3]) {
    double d = start - end, rate = -steepness / r0;
    double f0 = value, f1 = value * rate * d, f2 = value * rate * rate * d * d;
    double c = 0.5 * f2 - 3.0 * f1 + 6.0 * f0;
    double b = f1 - 3.0 * f0 - 2.0 * c;
    tail[0] = (f0 - b - c) / (d * d * d);
    tail[1] = b / (d * d * d * d);
    tail[2] = c / (d * d * d * d * d);
}

static void finish_pair(hop__gupta_pair *t) {
    if (isfinite(t->end)) {
        fit_tail(exponential(t->start, t->a, t->p, t->r0), t->p, t->r0, t->start,
                 t->end, t->rep_tail);
        fit_tail(exponential(t->start, t->xi, t->q, t->r0), t->q, t->r0, t->start,
                 t->end, t->hop_tail);
    }
}

static int parse_numbers(hop_context *context, const hop__lines *lines, hop__span rest,
                         hop__gupta_pair *t) {
    double value[8];
    int count = 0;
    hop__span word, all = hop__span_trim(rest);
    for (; hop__span_word(&rest, &word); count++) {
        if (count < 7 && !hop__span_double(word, &value[count]))
            return hop__parameter_error(context, lines, "a number", word);
        if (count < 7 && !(value[count] > 0.0))
            return hop__parameter_error(context, lines, "a positive number", word);
    }
    if (count != 5 && count != 7)
        return hop__fail(context, HOP_ERROR_FORMAT,
                         "%.200s:%lld: expected 5 or 7 numbers (r0 p q A xi [rc_start "
                         "rc_end]) after the two elements, got %d",
                         lines->name, (long long)lines->number, count);
    *t = (hop__gupta_pair){.known = true,
                           .r0 = value[0],
                           .p = value[1],
                           .q = value[2],
                           .a = value[3],
                           .xi = value[4],
                           .start = INFINITY,
                           .end = INFINITY};
    if (count == 7) {
        t->start = value[5];
        t->end = value[6];
        if (!(t->start < t->end))
            return hop__parameter_error(context, lines, "rc_start below rc_end", all);
    }
    /* outside, the kernels' exponents would leave the range of 2^x; a metal is far
     * inside */
    if (hop__ln(t->a) + t->p > 690.0 || 2.0 * (hop__ln(t->xi) + t->q) > 690.0 ||
        t->p / t->r0 < 1e-6 || t->q / t->r0 < 1e-6)
        return hop__parameter_error(
            context, lines,
            "A exp(p), xi^2 exp(2 q) below 1e299; p/r0, q/r0 above 1e-6", all);
    finish_pair(t);
    return HOP_OK;
}

static int parse_line(hop_context *context, const hop__lines *lines, hop__span rest,
                      hop__gupta_parameters *p, hop__gupta_pair *table) {
    int32_t index[2];
    for (int k = 0; k < 2; k++) {
        hop__span word = {rest.start, 0};
        int32_t number =
            hop__span_word(&rest, &word) ? hop__element_from_span(word) : -1;
        if (number < 0)
            return hop__parameter_error(context, lines, "an element symbol", word);
        index[k] = hop__species_add(&p->species, number);
        if (index[k] < 0)
            return hop__parameter_error(context, lines, "at most 32 elements", word);
    }
    hop__gupta_pair *ab = &table[index[0] * HOP__MAX_SPECIES + index[1]];
    if (ab->known)
        return hop__parameter_error(context, lines, "each pair once",
                                    hop__span_trim(rest));
    int status = parse_numbers(context, lines, rest, ab);
    table[index[1] * HOP__MAX_SPECIES + index[0]] = *ab;
    return status;
}

void hop__gupta_free_parameters(hop_context *context, void *opaque) {
    hop__gupta_parameters *p = opaque;
    if (!p)
        return;
    hop__release(context, p->pairs);
    hop__release(context, p->name);
    hop__release(context, p);
}

static int parse_table(hop_context *context, const char *name, const char *text,
                       size_t size, hop__gupta_parameters *p, hop__gupta_pair *table) {
    hop__lines lines;
    hop__span line;
    int status = hop__parameter_units(context, name, text, size, false, true);
    hop__lines_start(&lines, name, text, size);
    while (status == HOP_OK && hop__parameter_line(&lines, &line))
        status = parse_line(context, &lines, line, p, table);
    if (status == HOP_OK && p->species.count == 0)
        status =
            hop__fail(context, HOP_ERROR_FORMAT,
                      "%.300s: expected at least one pair of elements, got none", name);
    return status;
}

int hop__gupta_parse(hop_context *context, const char *name, const char *text,
                     size_t size, void **out) {
    hop__gupta_parameters *p = hop__allocate(context, 1, sizeof *p);
    hop__gupta_pair *table = hop__allocate(
        context, (size_t)HOP__MAX_SPECIES * HOP__MAX_SPECIES, sizeof *table);
    int status = p && table ? HOP_OK : HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status = parse_table(context, name, text, size, p, table);
    if (status == HOP_OK) {
        size_t n = (size_t)p->species.count;
        p->open = true;
        p->name = hop__duplicate(context, name);
        p->pairs = hop__allocate(context, n * n, sizeof *p->pairs);
        if (!p->name || !p->pairs)
            status = HOP_ERROR_MEMORY;
        for (size_t k = 0; status == HOP_OK && k < n * n; k++) {
            p->pairs[k] = table[k / n * HOP__MAX_SPECIES + k % n];
            if (p->pairs[k].known && isfinite(p->pairs[k].end))
                p->open = false;
            if (p->pairs[k].known && p->pairs[k].end > p->cutoff)
                p->cutoff = p->pairs[k].end;
        }
    }
    hop__release(context, table);
    if (status != HOP_OK)
        hop__gupta_free_parameters(context, p);
    else
        *out = p;
    return status;
}

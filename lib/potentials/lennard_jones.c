/* Lennard-Jones pairs, E = 4 epsilon [(sigma/r)^12 - (sigma/r)^6] for each pair, each
 * pair of elements with its own cut-off:
 *
 *   truncate   dropped beyond the cut-off
 *   shift      shifted to be zero at the cut-off
 *   smooth     multiplied by S(t) = 1 - 10 t^3 + 15 t^4 - 6 t^5, t running from 0 to 1
 *              over the last tenth of the cut-off: twice continuously differentiable
 */
#include "potentials/lennard_jones.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "structure/elements.h"

#define SKIN 0.15 /* of the largest sigma */

/* ---- parameter file ---- */

static int parse_truncation(hop_context *context, const hop__lines *lines,
                            hop__span rest, hop__lj_pair *t) {
    hop__span word;
    t->cutoff = INFINITY;
    if (!hop__span_word(&rest, &word))
        return HOP_OK;
    if (!hop__span_double(word, &t->cutoff) || !(t->cutoff > 0.0))
        return hop__parameter_error(context, lines, "a positive cut-off", word);
    word = (hop__span){rest.start, 0};
    hop__span_word(&rest, &word);
    if (hop__span_equals(word, "truncate"))
        t->truncation = HOP__LJ_TRUNCATE;
    else if (hop__span_equals(word, "shift"))
        t->truncation = HOP__LJ_SHIFT;
    else if (hop__span_equals(word, "smooth"))
        t->truncation = HOP__LJ_SMOOTH;
    else
        return hop__parameter_error(context, lines, "truncate, shift or smooth", word);
    double q = t->sigma / t->cutoff, q3 = q * q * q, g = q3 * q3;
    t->shift = 4.0 * t->epsilon * g * (g - 1.0);
    if (hop__span_word(&rest, &word))
        return hop__parameter_error(context, lines, "the end of the line", word);
    return HOP_OK;
}

static int parse_line(hop_context *context, const hop__lines *lines, hop__span rest,
                      hop__lj_parameters *p) {
    int32_t index[2];
    double value[2];
    hop__span word = {rest.start, 0};
    for (int k = 0; k < 2; k++) {
        word = (hop__span){rest.start, 0};
        int32_t number =
            hop__span_word(&rest, &word) ? hop__element_from_span(word) : -1;
        index[k] = number < 0 ? -1 : hop__species_add(&p->species, number);
        if (index[k] < 0)
            return hop__parameter_error(context, lines, "an element symbol", word);
    }
    for (int k = 0; k < 2; k++) {
        word = (hop__span){rest.start, 0};
        if (!hop__span_word(&rest, &word) || !hop__span_double(word, &value[k]) ||
            !(value[k] > 0.0))
            return hop__parameter_error(
                context, lines, k == 0 ? "a positive epsilon" : "a positive sigma",
                word);
    }
    hop__lj_pair *ab = &p->pairs[index[0] * HOP__MAX_SPECIES + index[1]];
    if (ab->known)
        return hop__parameter_error(context, lines, "each pair once", word);
    *ab = (hop__lj_pair){.known = true, .epsilon = value[0], .sigma = value[1]};
    int status = parse_truncation(context, lines, rest, ab);
    p->pairs[index[1] * HOP__MAX_SPECIES + index[0]] = *ab;
    if (ab->cutoff > p->cutoff)
        p->cutoff = ab->cutoff;
    if (SKIN * ab->sigma > p->skin)
        p->skin = SKIN * ab->sigma;
    return status;
}

static void free_parameters(hop_context *context, void *opaque) {
    hop__lj_parameters *p = opaque;
    if (p)
        hop__release(context, p->name);
    hop__release(context, p);
}

static int parse(hop_context *context, const char *name, const char *text, size_t size,
                 void **out) {
    hop__lj_parameters *p = hop__allocate(context, 1, sizeof *p);
    if (!p)
        return HOP_ERROR_MEMORY;
    hop__lines lines;
    hop__span line;
    int status = hop__parameter_units(context, name, text, size, true, true);
    hop__lines_start(&lines, name, text, size);
    while (status == HOP_OK && hop__parameter_line(&lines, &line))
        status = parse_line(context, &lines, line, p);
    if (status == HOP_OK && p->species.count == 0)
        status =
            hop__fail(context, HOP_ERROR_FORMAT,
                      "%.300s: expected at least one pair of elements, got none", name);
    if (status == HOP_OK && !(p->name = hop__duplicate(context, name)))
        status = HOP_ERROR_MEMORY;
    if (status != HOP_OK)
        free_parameters(context, p);
    else
        *out = p;
    return status;
}

/* ---- workspace ---- */

static void free_workspace(hop_context *context, void *opaque) {
    hop__lj_workspace *w = opaque;
    hop__neighbors_free(w->neighbors);
    hop__release(context, w->species);
    hop__release(context, w->block);
    hop__release(context, w);
}

static int new_workspace(hop_context *context, const void *p, void **out) {
    (void)p;
    hop__lj_workspace *w = hop__allocate(context, 1, sizeof *w);
    if (!w)
        return HOP_ERROR_MEMORY;
    w->context = context;
    int status = hop__neighbors_new(context, &w->neighbors);
    if (status != HOP_OK)
        hop__release(context, w);
    else
        *out = w;
    return status;
}

static int missing_pair(const hop_potential *potential, int32_t a, int32_t b) {
    const hop__lj_parameters *p = potential->parameters;
    return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                     "%.200s: expected parameters for %s-%s, found none", p->name,
                     hop_element_symbol(a), hop_element_symbol(b));
}

/* Each atom's index into the species; every pair that occurs must be known. */
static int find_species(hop_potential *potential, const hop_structure *s,
                        hop__lj_contents *found) {
    const hop__lj_parameters *p = potential->parameters;
    hop__lj_workspace *w = potential->workspace;
    uint64_t present = 0;
    int32_t last = -1, index = -1;
    *found = (hop__lj_contents){.open = true};
    for (size_t i = 0; i < s->count; i++) {
        if (s->numbers[i] != last)
            index = hop__species_index(&p->species, last = s->numbers[i]);
        if (index < 0)
            return missing_pair(potential, last, last);
        w->species[i] = index;
        present |= UINT64_C(1) << index;
    }
    for (int32_t a = 0; a < p->species.count; a++) {
        if (!(present >> a & 1))
            continue;
        found->kind[found->kinds++] = a;
        for (int32_t k = 0; k < found->kinds; k++) {
            const hop__lj_pair *t = hop__lj_pair_of(p, a, found->kind[k]);
            if (!t->known)
                return missing_pair(potential, p->species.numbers[found->kind[k]],
                                    p->species.numbers[a]);
            found->open &= isinf(t->cutoff) != 0;
            found->reach = fmax(found->reach, t->cutoff);
        }
    }
    return HOP_OK;
}

int hop__lj_reserve(hop__lj_workspace *w, size_t species, size_t numbers) {
    if (species > w->species_capacity) {
        int32_t *more = hop__resize(w->context, w->species, species, sizeof *more);
        if (!more)
            return HOP_ERROR_MEMORY;
        w->species = more;
        w->species_capacity = species;
    }
    if (numbers > w->block_size) {
        double *block = hop__resize(w->context, w->block, numbers, sizeof *block);
        if (!block)
            return HOP_ERROR_MEMORY;
        w->block = block;
        w->block_size = numbers;
    }
    return HOP_OK;
}

/* ---- the kind ---- */

static int prepare(hop_potential *potential, const hop_structure *s,
                   hop__lj_contents *found) {
    int status = hop__lj_reserve(potential->workspace, s->count, 0);
    return status == HOP_OK ? find_species(potential, s, found) : status;
}

static bool is_open_cluster(const hop_structure *s, const hop__lj_contents *found) {
    return found->open && !hop__structure_is_periodic(s);
}

static int evaluate(hop_potential *potential, hop_structure *s) {
    hop__lj_contents found;
    int status = prepare(potential, s, &found);
    if (status != HOP_OK)
        return status;
    return is_open_cluster(s, &found) ? hop__lj_cluster_evaluate(potential, s, &found)
                                      : hop__lj_list_evaluate(potential, s, &found);
}

static int hessian_vector(hop_potential *potential, const hop_structure *s,
                          const double *v, double *hv) {
    hop__lj_contents found;
    int status = prepare(potential, s, &found);
    if (status != HOP_OK)
        return status;
    return is_open_cluster(s, &found)
               ? hop__lj_cluster_hessian(potential, s, &found, v, hv)
               : hop__lj_list_hessian(potential, s, &found, v, hv);
}

static int scales(const hop_potential *potential, int32_t number, hop_scales *out) {
    const hop__lj_parameters *p = potential->parameters;
    int32_t index = hop__species_index(&p->species, number);
    if (index < 0 || !hop__lj_pair_of(p, index, index)->known)
        return missing_pair(potential, number, number);
    const hop__lj_pair *t = hop__lj_pair_of(p, index, index);
    out->length = 1.1224620483093730 * t->sigma;
    out->energy = 6.0 * t->epsilon;
    out->stiffness = 72.0 * t->epsilon / (out->length * out->length);
    return HOP_OK;
}

static double cutoff(const hop_potential *potential) {
    return ((const hop__lj_parameters *)potential->parameters)->cutoff;
}

const hop__potential_kind hop__lennard_jones_kind = {
    "lennard-jones", ".lj",    parse,          free_parameters, new_workspace,
    free_workspace,  evaluate, hessian_vector, scales,          cutoff};

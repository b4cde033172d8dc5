/* Lennard-Jones pairs, E = 4 epsilon [(sigma/r)^12 - (sigma/r)^6] for each pair, each pair
 * of elements with its own cut-off:
 *   truncate   dropped beyond the cut-off
 *   shift      shifted to be zero at the cut-off
 *   smooth     multiplied by S(t) = 1 - 10 t^3 + 15 t^4 - 6 t^5, t running from 0 at 0.9
 *              of the cut-off to 1 at the cut-off: twice continuously differentiable */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/parameter_file.h"
#include "potentials/potential.h"
#include "structure/elements.h"
#include "structure/neighbors.h"

#define SKIN 0.15       /* of the largest sigma */
#define EVERYTHING 1e9  /* reach of a list that holds all pairs */
#define SMOOTH_FROM 0.9

enum truncation { TRUNCATE, SHIFT, SMOOTH };

typedef struct pair {
    bool known;
    double epsilon, sigma, cutoff, shift;
    enum truncation truncation;
} pair;

typedef struct parameters {
    char *name;
    hop__species species;
    double cutoff, skin;
    pair pairs[HOP__MAX_SPECIES * HOP__MAX_SPECIES];
} parameters;

/* Energy, slope and curvature of one pair at distance r. */
static void pair_values(const pair *t, double r, double e[3]) {
    double q = t->sigma / r, q2 = q * q, q6 = q2 * q2 * q2;
    double c = 4.0 * t->epsilon;
    e[0] = c * q6 * (q6 - 1.0);
    e[1] = -c * q6 * (12.0 * q6 - 6.0) / r;
    e[2] = c * q6 * (156.0 * q6 - 42.0) / (r * r);
    if (t->truncation == SHIFT)
        e[0] -= t->shift;
    double start = SMOOTH_FROM * t->cutoff;
    if (t->truncation != SMOOTH || r <= start)
        return;
    double width = t->cutoff - start, x = (r - start) / width;
    double s0 = 1.0 - x * x * x * (10.0 - x * (15.0 - 6.0 * x));
    double s1 = -30.0 * x * x * (1.0 - x) * (1.0 - x) / width;
    double s2 = -60.0 * x * (1.0 - x) * (1.0 - 2.0 * x) / (width * width);
    e[2] = e[2] * s0 + 2.0 * e[1] * s1 + e[0] * s2;
    e[1] = e[1] * s0 + e[0] * s1;
    e[0] = e[0] * s0;
}

/* ---- parameter file ---- */

static int parse_truncation(hop_context *context, const hop__lines *lines, hop__span rest,
                            pair *t) {
    hop__span word;
    t->cutoff = INFINITY;
    if (!hop__span_word(&rest, &word))
        return HOP_OK;
    if (!hop__span_double(word, &t->cutoff) || !(t->cutoff > 0.0))
        return hop__parameter_error(context, lines, "a positive cut-off", word);
    word = (hop__span){rest.start, 0};
    hop__span_word(&rest, &word);
    if (hop__span_equals(word, "truncate"))
        t->truncation = TRUNCATE;
    else if (hop__span_equals(word, "shift"))
        t->truncation = SHIFT;
    else if (hop__span_equals(word, "smooth"))
        t->truncation = SMOOTH;
    else
        return hop__parameter_error(context, lines, "truncate, shift or smooth", word);
    pair bare = {.epsilon = t->epsilon, .sigma = t->sigma};
    double e[3];
    pair_values(&bare, t->cutoff, e);
    t->shift = e[0];
    if (hop__span_word(&rest, &word))
        return hop__parameter_error(context, lines, "the end of the line", word);
    return HOP_OK;
}

static int parse_line(hop_context *context, const hop__lines *lines, hop__span rest,
                      parameters *p) {
    int32_t index[2];
    double value[2];
    hop__span word;
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
                context, lines, k == 0 ? "a positive epsilon" : "a positive sigma", word);
    }
    pair *ab = &p->pairs[index[0] * HOP__MAX_SPECIES + index[1]];
    if (ab->known)
        return hop__parameter_error(context, lines, "each pair once", word);
    *ab = (pair){.known = true, .epsilon = value[0], .sigma = value[1]};
    int status = parse_truncation(context, lines, rest, ab);
    p->pairs[index[1] * HOP__MAX_SPECIES + index[0]] = *ab;
    if (ab->cutoff > p->cutoff)
        p->cutoff = ab->cutoff;
    if (SKIN * ab->sigma > p->skin)
        p->skin = SKIN * ab->sigma;
    return status;
}

static void free_parameters(hop_context *context, void *opaque) {
    parameters *p = opaque;
    if (p)
        hop__release(context, p->name);
    hop__release(context, p);
}

static int parse(hop_context *context, const char *name, const char *text, size_t size,
                 void **out) {
    parameters *p = hop__allocate(context, 1, sizeof *p);
    if (!p)
        return HOP_ERROR_MEMORY;
    hop__lines lines;
    hop__span line;
    int status = hop__parameter_units(context, name, text, size, true, true);
    hop__lines_start(&lines, name, text, size);
    while (status == HOP_OK && hop__parameter_line(&lines, &line))
        status = parse_line(context, &lines, line, p);
    if (status == HOP_OK && p->species.count == 0)
        status = hop__fail(context, HOP_ERROR_FORMAT,
                           "%.300s: expected at least one pair of elements, got none", name);
    if (status == HOP_OK && !(p->name = hop__duplicate(context, name)))
        status = HOP_ERROR_MEMORY;
    if (status != HOP_OK)
        free_parameters(context, p);
    else
        *out = p;
    return status;
}

/* ---- evaluation ---- */

static int new_workspace(hop_context *context, const void *p, void **out) {
    (void)p;
    hop__neighbors *list;
    int status = hop__neighbors_new(context, &list);
    *out = list;
    return status;
}

static void free_workspace(hop_context *context, void *list) {
    (void)context;
    hop__neighbors_free(list);
}

static const pair *pair_of(const parameters *p, int32_t a, int32_t b) {
    int32_t i = hop__species_index(&p->species, a), j = hop__species_index(&p->species, b);
    return i < 0 || j < 0 ? NULL : &p->pairs[i * HOP__MAX_SPECIES + j];
}

static int prepare(hop_potential *potential, const hop_structure *s) {
    const parameters *p = potential->parameters;
    for (size_t i = 0; i < s->count; i++) {
        /* each element that occurs, against each that occurred before */
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = s->numbers[j] == s->numbers[i];
        for (size_t j = 0; j <= i && !seen; j++) {
            const pair *t = pair_of(p, s->numbers[i], s->numbers[j]);
            if (!t || !t->known)
                return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                                 "%.200s: expected parameters for %s-%s, found none",
                                 p->name, hop_element_symbol(s->numbers[j]),
                                 hop_element_symbol(s->numbers[i]));
        }
    }
    if (isfinite(p->cutoff))
        return hop__neighbors_update(potential->workspace, s, p->cutoff, p->skin);
    if (hop__structure_is_periodic(s))
        return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                         "%.200s has no cut-off: expected a structure that is not periodic",
                         p->name);
    return hop__neighbors_update(potential->workspace, s, EVERYTHING, EVERYTHING);
}

/* From the neighbour in entry k to atom i, and their distance. */
static double separation(const hop__neighbors *list, size_t i, size_t k, double u[3]) {
    const double *xi = list->positions + 4 * (size_t)list->place[i];
    const double *xj = list->positions + 4 * (size_t)list->index[k];
    for (size_t c = 0; c < 3; c++)
        u[c] = xi[c] - xj[c];
    return sqrt(hop__dot(u, u, 3));
}

static size_t row_begin(const hop__neighbors *list, size_t i) {
    return list->first[list->place[i]];
}

static size_t row_end(const hop__neighbors *list, size_t i) {
    return row_begin(list, i) + (size_t)list->count[list->place[i]];
}

static int evaluate(hop_potential *potential, hop_structure *s) {
    int status = prepare(potential, s);
    if (status != HOP_OK)
        return status;
    const hop__neighbors *list = potential->workspace;
    double total = 0.0, virial[6] = {0};
    for (size_t i = 0; i < s->count; i++) {
        double f[3] = {0.0, 0.0, 0.0}, energy = 0.0;
        for (size_t k = row_begin(list, i); k < row_end(list, i); k++) {
            double u[3], e[3], r = separation(list, i, k, u);
            size_t j = (size_t)list->atom[list->index[k]];
            const pair *t =
                pair_of(potential->parameters, s->numbers[i], s->numbers[j]);
            if (!(r < t->cutoff))
                continue;
            pair_values(t, r, e);
            double scale = -e[1] / r;
            energy += 0.5 * e[0];
            for (int c = 0; c < 3; c++)
                f[c] += scale * u[c];
            virial[0] += 0.5 * scale * u[0] * u[0];
            virial[1] += 0.5 * scale * u[1] * u[1];
            virial[2] += 0.5 * scale * u[2] * u[2];
            virial[3] += 0.5 * scale * u[1] * u[2];
            virial[4] += 0.5 * scale * u[0] * u[2];
            virial[5] += 0.5 * scale * u[0] * u[1];
        }
        memcpy(s->forces + 3 * i, f, sizeof f);
        s->energies[i] = energy;
        total += energy;
    }
    *s->energy = total;
    memcpy(s->virial, virial, sizeof virial);
    return HOP_OK;
}

static int hessian_vector(hop_potential *potential, const hop_structure *s,
                          const double *v, double *hv) {
    int status = prepare(potential, s);
    if (status != HOP_OK)
        return status;
    const hop__neighbors *list = potential->workspace;
    for (size_t i = 0; i < s->count; i++) {
        double sum[3] = {0.0, 0.0, 0.0};
        for (size_t k = row_begin(list, i); k < row_end(list, i); k++) {
            double u[3], e[3], dv[3], r = separation(list, i, k, u);
            size_t j = (size_t)list->atom[list->index[k]];
            const pair *t =
                pair_of(potential->parameters, s->numbers[i], s->numbers[j]);
            if (!(r < t->cutoff))
                continue;
            pair_values(t, r, e);
            for (size_t c = 0; c < 3; c++)
                dv[c] = v[3 * i + c] - v[3 * j + c];
            double along = hop__dot(u, dv, 3) / (r * r);
            for (int c = 0; c < 3; c++)
                sum[c] += (e[2] - e[1] / r) * along * u[c] + e[1] / r * dv[c];
        }
        memcpy(hv + 3 * i, sum, sizeof sum);
    }
    return HOP_OK;
}

static int scales(const hop_potential *potential, int32_t number, hop_scales *out) {
    const parameters *p = potential->parameters;
    const pair *t = pair_of(p, number, number);
    if (!t || !t->known)
        return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                         "%.200s: expected parameters for %s, found none", p->name,
                         hop_element_symbol(number));
    out->length = 1.1224620483093730 * t->sigma;
    out->energy = 6.0 * t->epsilon;
    out->stiffness = 72.0 * t->epsilon / (out->length * out->length);
    return HOP_OK;
}

static double cutoff(const hop_potential *potential) {
    return ((const parameters *)potential->parameters)->cutoff;
}

const hop__potential_kind hop__lennard_jones_kind = {
    "lennard-jones", ".lj",          parse,  free_parameters, new_workspace, free_workspace,
    evaluate,        hessian_vector, scales, cutoff};

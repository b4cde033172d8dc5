/* Lennard-Jones pairs, E = 4 epsilon [(sigma/r)^12 - (sigma/r)^6] for each pair, each
 * pair of elements with its own cut-off: truncate   dropped beyond the cut-off shift
 * shifted to be zero at the cut-off smooth     multiplied by S(t) = 1 - 10 t^3 + 15 t^4
 * - 6 t^5, t running from 0 at 0.9 of the cut-off to 1 at the cut-off: twice
 * continuously differentiable */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "base/vector_math.h"
#include "potentials/lennard_jones_kernels.h"
#include "potentials/parameter_file.h"
#include "potentials/potential.h"
#include "structure/elements.h"
#include "structure/neighbors.h"

#define SKIN 0.15      /* of the largest sigma */
#define EVERYTHING 1e9 /* reach of a list that holds all pairs */
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

static int parse_truncation(hop_context *context, const hop__lines *lines,
                            hop__span rest, pair *t) {
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
                context, lines, k == 0 ? "a positive epsilon" : "a positive sigma",
                word);
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

typedef struct workspace {
    hop_context *context;
    size_t species_capacity, block_size;
    int32_t *species; /* each atom's index into the parameters' species */
    double *block;    /* all arrays of the cluster kernels */
    hop__neighbors *neighbors;
} workspace;

static void free_workspace(hop_context *context, void *opaque) {
    workspace *w = opaque;
    hop__neighbors_free(w->neighbors);
    hop__release(context, w->species);
    hop__release(context, w->block);
    hop__release(context, w);
}

static int new_workspace(hop_context *context, const void *p, void **out) {
    (void)p;
    workspace *w = hop__allocate(context, 1, sizeof *w);
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

static const pair *pair_of(const parameters *p, int32_t a, int32_t b) {
    return &p->pairs[a * HOP__MAX_SPECIES + b];
}

static int missing_pair(const hop_potential *potential, int32_t a, int32_t b) {
    const parameters *p = potential->parameters;
    return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                     "%.200s: expected parameters for %s-%s, found none", p->name,
                     hop_element_symbol(a), hop_element_symbol(b));
}

/* What occurs in a structure. */
typedef struct contents {
    int32_t kinds;                  /* different species */
    int32_t kind[HOP__MAX_SPECIES]; /* their indices */
    bool open;                      /* no pair of them has a cut-off */
} contents;

/* Each atom's index into the species; every pair that occurs must be known. */
static int find_species(hop_potential *potential, const hop_structure *s,
                        contents *found) {
    const parameters *p = potential->parameters;
    workspace *w = potential->workspace;
    uint64_t present = 0;
    int32_t last = -1, index = -1;
    for (size_t i = 0; i < s->count; i++) {
        if (s->numbers[i] != last)
            index = hop__species_index(&p->species, last = s->numbers[i]);
        if (index < 0)
            return missing_pair(potential, last, last);
        w->species[i] = index;
        present |= UINT64_C(1) << index;
    }
    *found = (contents){.open = true};
    for (int32_t a = 0; a < p->species.count; a++) {
        if (!(present >> a & 1))
            continue;
        found->kind[found->kinds++] = a;
        for (int32_t k = 0; k < found->kinds; k++) {
            const pair *t = pair_of(p, a, found->kind[k]);
            if (!t->known)
                return missing_pair(potential, p->species.numbers[found->kind[k]],
                                    p->species.numbers[a]);
            found->open &= isinf(t->cutoff) != 0;
        }
    }
    return HOP_OK;
}

static int reserve(workspace *w, size_t atoms, size_t doubles) {
    if (atoms > w->species_capacity) {
        int32_t *species = hop__resize(w->context, w->species, atoms, sizeof *species);
        if (!species)
            return HOP_ERROR_MEMORY;
        w->species = species;
        w->species_capacity = atoms;
    }
    if (doubles > w->block_size) {
        double *block = hop__resize(w->context, w->block, doubles, sizeof *block);
        if (!block)
            return HOP_ERROR_MEMORY;
        w->block = block;
        w->block_size = doubles;
    }
    return HOP_OK;
}

/* ---- clusters without cut-off ---- */

#define FAR 1e20  /* where the atoms are that fill up the last lanes */
#define SMALL 192 /* atoms below which one thread is faster */

/* The cluster as the kernels want it: one species in units of sigma. */
typedef struct cluster {
    hop__lj_cluster arrays;
    double length, energy; /* units of its lengths and energies */
    enum hop__isa isa;
    bool hessian;
} cluster;

static void fill_rows(const double *from, const double origin[3], double scale,
                      const hop__lj_cluster *c, const double *const to[3]) {
    for (int k = 0; k < 3; k++) {
        double *row = (double *)to[k];
        for (size_t i = 0; i < c->count; i++)
            row[i] = scale * (from[3 * i + (size_t)k] - origin[k]);
        for (size_t i = c->count; i < c->stride; i++)
            row[i] = FAR;
    }
}

static void fill_tables(const parameters *p, const workspace *w, const contents *found,
                        hop__lj_cluster *c) {
    double *sigma = w->block + 10 * c->stride;
    double *epsilon = sigma + (size_t)p->species.count * c->stride;
    c->species = w->species;
    c->sigma_squared = sigma;
    c->epsilon = epsilon;
    for (int32_t k = 0; k < found->kinds; k++) {
        size_t row = (size_t)found->kind[k] * c->stride;
        for (size_t i = 0; i < c->stride; i++) {
            const pair *t =
                pair_of(p, w->species[i < c->count ? i : 0], found->kind[k]);
            sigma[row + i] = t->sigma * t->sigma;
            epsilon[row + i] = t->epsilon;
        }
    }
}

static int prepare_cluster(hop_potential *potential, const hop_structure *s,
                           const contents *found, const double *v, cluster *c) {
    const parameters *p = potential->parameters;
    workspace *w = potential->workspace;
    hop__lj_cluster *a = &c->arrays;
    const pair *t = pair_of(p, found->kind[0], found->kind[0]);
    bool mixed = found->kinds > 1;
    *c = (cluster){.length = mixed ? 1.0 : t->sigma,
                   .energy = mixed ? 1.0 : t->epsilon,
                   .isa = potential->context->isa,
                   .hessian = v != NULL};
    a->count = s->count;
    a->stride = (s->count + HOP__LJ_LANES - 1) / HOP__LJ_LANES * HOP__LJ_LANES;
    size_t rows = 10 + (mixed ? 2 * (size_t)p->species.count : 0);
    int status = reserve(w, s->count, rows * a->stride);
    if (status != HOP_OK)
        return status;
    double *at = w->block;
    for (int k = 0; k < 3; k++, at += 3 * a->stride) {
        a->x[k] = at;
        a->v[k] = at + a->stride;
        a->force[k] = at + 2 * a->stride;
    }
    a->energy = at;
    fill_rows(s->positions, s->positions, 1.0 / c->length, a, a->x);
    if (v)
        fill_rows(v, (double[]){0.0, 0.0, 0.0}, 1.0, a, a->v);
    if (mixed)
        fill_tables(p, w, found, a);
    return HOP_OK;
}

static void run_blocks(const cluster *c, size_t begin, size_t end) {
    const hop__lj_cluster *a = &c->arrays;
    switch (c->isa) {
    case HOP__ISA_AVX512:
        (c->hessian ? hop__lj_hessian_avx512 : hop__lj_forces_avx512)(a, begin, end);
        break;
    case HOP__ISA_AVX2:
        (c->hessian ? hop__lj_hessian_avx2 : hop__lj_forces_avx2)(a, begin, end);
        break;
    default:
        (c->hessian ? hop__lj_hessian_base : hop__lj_forces_base)(a, begin, end);
    }
}

static void run_block(void *opaque, size_t index, size_t worker) {
    (void)worker;
    run_blocks(opaque, index, index + 1);
}

static void run_cluster(hop_context *context, cluster *c) {
    size_t blocks = c->arrays.stride / HOP__LJ_LANES;
    if (c->arrays.count < SMALL)
        run_blocks(c, 0, blocks);
    else
        hop__parallel(context, SIZE_MAX, blocks, run_block, c);
}

static int cluster_evaluate(hop_potential *potential, hop_structure *s,
                            const contents *found) {
    cluster c;
    int status = prepare_cluster(potential, s, found, NULL, &c);
    if (status != HOP_OK)
        return status;
    run_cluster(potential->context, &c);
    const double force = 24.0 * c.energy / c.length, share = 2.0 * c.energy;
    double total = 0.0, virial[6] = {0};
    for (size_t i = 0; i < s->count; i++) {
        double *f = s->forces + 3 * i, x[3];
        for (int k = 0; k < 3; k++) {
            f[k] = force * c.arrays.force[k][i];
            x[k] =
                c.length * c.arrays.x[k][i]; /* from atom 0; the forces' sum is zero */
        }
        s->energies[i] = share * c.arrays.energy[i];
        total += s->energies[i];
        virial[0] += x[0] * f[0];
        virial[1] += x[1] * f[1];
        virial[2] += x[2] * f[2];
        virial[3] += x[1] * f[2];
        virial[4] += x[0] * f[2];
        virial[5] += x[0] * f[1];
    }
    *s->energy = total;
    memcpy(s->virial, virial, sizeof virial);
    return HOP_OK;
}

static int cluster_hessian(hop_potential *potential, const hop_structure *s,
                           const contents *found, const double *v, double *hv) {
    cluster c;
    int status = prepare_cluster(potential, s, found, v, &c);
    if (status != HOP_OK)
        return status;
    run_cluster(potential->context, &c);
    const double unit = 24.0 * c.energy / (c.length * c.length);
    for (size_t i = 0; i < s->count; i++)
        for (int k = 0; k < 3; k++)
            hv[3 * i + (size_t)k] = unit * c.arrays.force[k][i];
    return HOP_OK;
}

/* ---- with cut-off, periodic or not ---- */

static int prepare_list(hop_potential *potential, const hop_structure *s) {
    const parameters *p = potential->parameters;
    workspace *w = potential->workspace;
    if (isfinite(p->cutoff))
        return hop__neighbors_update(w->neighbors, s, p->cutoff, p->skin);
    if (hop__structure_is_periodic(s))
        return hop__fail(
            potential->context, HOP_ERROR_ARGUMENT,
            "%.200s has no cut-off: expected a structure that is not periodic",
            p->name);
    return hop__neighbors_update(w->neighbors, s, EVERYTHING, EVERYTHING);
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

static int list_evaluate(hop_potential *potential, hop_structure *s) {
    int status = prepare_list(potential, s);
    if (status != HOP_OK)
        return status;
    const workspace *w = potential->workspace;
    const hop__neighbors *list = w->neighbors;
    double total = 0.0, virial[6] = {0};
    for (size_t i = 0; i < s->count; i++) {
        double f[3] = {0.0, 0.0, 0.0}, energy = 0.0;
        for (size_t k = row_begin(list, i); k < row_end(list, i); k++) {
            double u[3], e[3], r = separation(list, i, k, u);
            const pair *t = pair_of(potential->parameters, w->species[i],
                                    w->species[list->atom[list->index[k]]]);
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

static int list_hessian(hop_potential *potential, const hop_structure *s,
                        const double *v, double *hv) {
    int status = prepare_list(potential, s);
    if (status != HOP_OK)
        return status;
    const workspace *w = potential->workspace;
    const hop__neighbors *list = w->neighbors;
    for (size_t i = 0; i < s->count; i++) {
        double sum[3] = {0.0, 0.0, 0.0};
        for (size_t k = row_begin(list, i); k < row_end(list, i); k++) {
            double u[3], e[3], dv[3], r = separation(list, i, k, u);
            size_t j = (size_t)list->atom[list->index[k]];
            const pair *t =
                pair_of(potential->parameters, w->species[i], w->species[j]);
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

/* ---- the kind ---- */

static int prepare(hop_potential *potential, const hop_structure *s, contents *found) {
    int status = reserve(potential->workspace, s->count, 0);
    return status == HOP_OK ? find_species(potential, s, found) : status;
}

static bool is_open_cluster(const hop_structure *s, const contents *found) {
    return found->open && !hop__structure_is_periodic(s);
}

static int evaluate(hop_potential *potential, hop_structure *s) {
    contents found;
    int status = prepare(potential, s, &found);
    if (status != HOP_OK)
        return status;
    return is_open_cluster(s, &found) ? cluster_evaluate(potential, s, &found)
                                      : list_evaluate(potential, s);
}

static int hessian_vector(hop_potential *potential, const hop_structure *s,
                          const double *v, double *hv) {
    contents found;
    int status = prepare(potential, s, &found);
    if (status != HOP_OK)
        return status;
    return is_open_cluster(s, &found) ? cluster_hessian(potential, s, &found, v, hv)
                                      : list_hessian(potential, s, v, hv);
}

static int scales(const hop_potential *potential, int32_t number, hop_scales *out) {
    const parameters *p = potential->parameters;
    int32_t index = hop__species_index(&p->species, number);
    if (index < 0 || !pair_of(p, index, index)->known)
        return missing_pair(potential, number, number);
    const pair *t = pair_of(p, index, index);
    out->length = 1.1224620483093730 * t->sigma;
    out->energy = 6.0 * t->epsilon;
    out->stiffness = 72.0 * t->epsilon / (out->length * out->length);
    return HOP_OK;
}

static double cutoff(const hop_potential *potential) {
    return ((const parameters *)potential->parameters)->cutoff;
}

const hop__potential_kind hop__lennard_jones_kind = {
    "lennard-jones", ".lj",    parse,          free_parameters, new_workspace,
    free_workspace,  evaluate, hessian_vector, scales,          cutoff};

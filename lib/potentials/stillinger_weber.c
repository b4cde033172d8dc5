/* Stillinger and Weber, Phys. Rev. B 31, 5262 (1985), in LAMMPS' multi-element form:
 *
 *   E = sum_{i<j} A eps [B (s/r)^p - (s/r)^q] exp(s / (r - a s))
 *     + sum_i sum_{j<k} lambda eps (cos - cos0)^2 exp(gs_ij/(r_ij - as_ij)) exp(..ik..)
 *
 * Entries are triplets (centre, j, k): the pair i-j uses (i, j, j); the three-body term
 * takes lambda, eps and cos0 from (i, j, k), gamma sigma and the cut-off of each leg from
 * (i, j, j) and (i, k, k).  Where a file gives (i, j, j) and (j, i, i) different pair terms,
 * their mean is taken.
 *
 * Forces and Hessian-vector products come from one routine over pairs of numbers (value,
 * change along v): see `dual`. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/parameter_file.h"
#include "potentials/potential.h"
#include "potentials/stillinger_weber_kernels.h"
#include "structure/elements.h"
#include "structure/neighbors.h"

#define SKIN 1.0
#ifndef KEEP
#define KEEP 50000
#endif
#define MAX_SPECIES 12

typedef struct entry {
    bool known;
    double epsilon, sigma, a, lambda, gamma, cos0, A, B, p, q;
    double reach;   /* beyond it nothing is counted */
    double barrier; /* a sigma, where the exponentials vanish */
} entry;

typedef struct parameters {
    char *name;
    hop__species species;
    double cutoff;
    entry entries[MAX_SPECIES * MAX_SPECIES * MAX_SPECIES];
} parameters;

static const entry *entry_of(const parameters *p, int32_t i, int32_t j, int32_t k) {
    return &p->entries[(i * MAX_SPECIES + j) * MAX_SPECIES + k];
}

/* ---- parameter file: entries of 3 symbols and 11 numbers, over any number of lines ---- */

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

static int read_entry(reader *r, hop__span word, parameters *p) {
    int32_t index[3];
    double v[11];
    for (int k = 0; k < 3; k++) {
        if (k > 0 && !next_word(r, &word))
            return hop__parameter_error(r->context, &r->lines, "three element symbols",
                                        (hop__span){"", 0});
        int32_t number = hop__element_from_span(word);
        if (number < 0)
            return hop__parameter_error(r->context, &r->lines, "an element symbol", word);
        index[k] = p->species.count < MAX_SPECIES ||
                           hop__species_index(&p->species, number) >= 0
                       ? hop__species_add(&p->species, number)
                       : -1;
        if (index[k] < 0)
            return hop__parameter_error(r->context, &r->lines, "at most 12 elements", word);
    }
    for (int k = 0; k < 11; k++) {
        if (!next_word(r, &word))
            return hop__parameter_error(r->context, &r->lines, "11 numbers for an entry",
                                        (hop__span){"", 0});
        if (!hop__span_double(word, &v[k]))
            return hop__parameter_error(r->context, &r->lines, "a number", word);
    }
    if (!(v[0] >= 0.0 && v[1] >= 0.0 && v[2] >= 0.0 && v[3] >= 0.0 && v[4] >= 0.0 &&
          v[6] >= 0.0 && v[7] >= 0.0 && v[8] >= 0.0 && v[9] >= 0.0 && v[10] >= 0.0))
        return hop__parameter_error(r->context, &r->lines,
                                    "parameters that are not negative", word);
    entry *e = (entry *)entry_of(p, index[0], index[1], index[2]);
    if (e->known)
        return hop__parameter_error(r->context, &r->lines, "each triplet once", word);
    *e = (entry){true, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9],
                 v[1] * v[2], v[1] * v[2]};
    /* tol shortens the reach to where the exponential falls below it, as LAMMPS does */
    double tol = v[10] > 0.01 ? 0.01 : v[10];
    if (tol > 0.0)
        e->reach += (e->gamma < 1.0 ? e->gamma : 1.0) * e->sigma / hop__ln(tol);
    if (index[1] == index[2] && e->reach > p->cutoff)
        p->cutoff = e->reach;
    return HOP_OK;
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
    reader r = {.context = context, .rest = {"", 0}};
    hop__span word;
    int status = hop__parameter_units(context, name, text, size, false, false);
    hop__lines_start(&r.lines, name, text, size);
    while (status == HOP_OK && next_word(&r, &word))
        status = read_entry(&r, word, p);
    if (status == HOP_OK && !(p->cutoff > 0.0))
        status = hop__fail(context, HOP_ERROR_FORMAT,
                           "%.300s: expected an entry with a positive cut-off, got none",
                           name);
    if (status == HOP_OK && !(p->name = hop__duplicate(context, name)))
        status = HOP_ERROR_MEMORY;
    if (status != HOP_OK)
        free_parameters(context, p);
    else
        *out = p;
    return status;
}

/* ---- numbers that carry their change along a direction ---- */

typedef struct dual {
    double v, d;
} dual;

static dual constant(double v) { return (dual){v, 0.0}; }
static dual add(dual a, dual b) { return (dual){a.v + b.v, a.d + b.d}; }
static dual sub(dual a, dual b) { return (dual){a.v - b.v, a.d - b.d}; }
static dual mul(dual a, dual b) { return (dual){a.v * b.v, a.d * b.v + a.v * b.d}; }
static dual times(double s, dual a) { return (dual){s * a.v, s * a.d}; }
static dual inverse(dual a) { return (dual){1.0 / a.v, -a.d / (a.v * a.v)}; }
static dual root(dual a) {
    double r = sqrt(a.v);
    return (dual){r, 0.5 * a.d / r};
}
static dual exponential(dual a) {
    double e = hop__exp(a.v);
    return (dual){e, e * a.d};
}
static dual power(dual a, double p) {
    if (p == 0.0)
        return constant(1.0);
    double v = hop__power(a.v, p);
    return (dual){v, p * v / a.v * a.d};
}

/* A neighbour as its centre sees it. */
typedef struct leg {
    int32_t index, species;
    dual u[3];      /* from the centre to the neighbour */
    dual r, inv_r;
    const entry *pair;
    dual decay, decay_slope; /* exp(gamma sigma / (r - a sigma)) and its slope in r */
} leg;

typedef struct workspace {
    hop_context *context;
    hop__neighbors *neighbors;
    int32_t *species;
    leg *legs;
    dual *force; /* 3 per atom */
    size_t atoms, leg_capacity;
    /* atoms of one element */
    hop__sw_system system;
    int32_t *scratch;
    size_t blocks, scratch_capacity;
} workspace;

static int new_workspace(hop_context *context, const void *p, void **out) {
    (void)p;
    workspace *w = hop__allocate(context, 1, sizeof *w);
    if (!w)
        return HOP_ERROR_MEMORY;
    w->context = context;
    if (hop__neighbors_new(context, &w->neighbors) != HOP_OK) {
        hop__release(context, w);
        return HOP_ERROR_MEMORY;
    }
    *out = w;
    return HOP_OK;
}

static void free_workspace(hop_context *context, void *opaque) {
    workspace *w = opaque;
    void *blocks[] = {w->system.rows,    w->system.counts,   w->system.begins,
                      w->system.entries, w->system.moments,  w->system.moment_pairs, w->system.kept,
                      w->system.virials, w->scratch};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
        hop__release(context, blocks[k]);
    hop__neighbors_free(w->neighbors);
    hop__release(context, w->species);
    hop__release(context, w->legs);
    hop__release(context, w->force);
    hop__release(context, w);
}

/* ---- terms ---- */

typedef struct totals {
    double *energies; /* NULL when only the change of the forces is wanted */
    double virial[6];
} totals;

/* exp(strength / (r - barrier)) and its slope, zero at and beyond the barrier; the
   exponent is kept above -200, where nothing is left of it. */
static void cut(double strength, dual r, double barrier, dual *value, dual *slope) {
    *value = *slope = constant(0.0);
    if (!(r.v < barrier) || strength / (r.v - barrier) < -200.0)
        return;
    dual gap = inverse(sub(r, constant(barrier)));
    *value = exponential(times(strength, gap));
    *slope = times(-strength, mul(*value, mul(gap, gap)));
}

/* Half of the pair energy and its forces on the centre i and on the neighbour. */
static void pair_term(const leg *l, dual *force, size_t i, double *energy, totals *sum) {
    const entry *e = l->pair;
    dual value, slope;
    cut(e->sigma, l->r, e->barrier, &value, &slope);
    if (value.v == 0.0)
        return;
    dual x = times(e->sigma, l->inv_r);
    dual xp = times(e->B, power(x, e->p)), xq = power(x, e->q);
    dual bracket = sub(xp, xq);
    dual bracket_slope = mul(l->inv_r, sub(times(e->q, xq), times(e->p, xp)));
    double scale = e->A * e->epsilon;
    dual de = times(scale, add(mul(bracket_slope, value), mul(bracket, slope)));
    dual along = times(0.5, mul(de, l->inv_r));
    for (size_t c = 0; c < 3; c++) {
        dual *fi = &force[3 * i + c], *fj = &force[3 * (size_t)l->index + c];
        dual f = mul(along, l->u[c]);
        *fi = add(*fi, f);
        *fj = sub(*fj, f);
    }
    if (!sum->energies)
        return;
    *energy += 0.5 * scale * bracket.v * value.v;
    const double *u = (double[]){l->u[0].v, l->u[1].v, l->u[2].v};
    double w = -along.v;
    sum->virial[0] += w * u[0] * u[0];
    sum->virial[1] += w * u[1] * u[1];
    sum->virial[2] += w * u[2] * u[2];
    sum->virial[3] += w * u[1] * u[2];
    sum->virial[4] += w * u[0] * u[2];
    sum->virial[5] += w * u[0] * u[1];
}

static void triplet_term(const leg *j, const leg *k, const entry *e, dual *force, size_t i,
                         double *energy, totals *sum) {
    if (j->decay.v == 0.0 || k->decay.v == 0.0)
        return;
    dual cosine = constant(0.0);
    for (int c = 0; c < 3; c++)
        cosine = add(cosine, mul(j->u[c], k->u[c]));
    cosine = mul(cosine, mul(j->inv_r, k->inv_r));
    dual delta = sub(cosine, constant(e->cos0));
    dual strength = times(e->lambda * e->epsilon, delta);
    dual both = mul(j->decay, k->decay);
    dual angular = times(2.0, mul(strength, both));
    dual square = mul(strength, delta);
    dual radial_j = mul(square, mul(j->decay_slope, k->decay));
    dual radial_k = mul(square, mul(j->decay, k->decay_slope));
    for (int c = 0; c < 3; c++) {
        dual nj = mul(j->u[c], j->inv_r), nk = mul(k->u[c], k->inv_r);
        /* dE/du of each leg */
        dual gj = add(mul(angular, mul(sub(nk, mul(cosine, nj)), j->inv_r)),
                      mul(radial_j, nj));
        dual gk = add(mul(angular, mul(sub(nj, mul(cosine, nk)), k->inv_r)),
                      mul(radial_k, nk));
        dual *fi = &force[3 * i + (size_t)c];
        dual *fj = &force[3 * (size_t)j->index + (size_t)c];
        *fi = add(*fi, add(gj, gk));
        *fj = sub(*fj, gj);
        dual *fk = &force[3 * (size_t)k->index + (size_t)c];
        *fk = sub(*fk, gk);
        if (!sum->energies)
            continue;
        static const int row[3][3] = {{0, 5, 4}, {5, 1, 3}, {4, 3, 2}};
        for (int b = c; b < 3; b++)
            sum->virial[row[c][b]] -= gj.v * j->u[b].v + gk.v * k->u[b].v;
    }
    *energy += square.v * both.v;
}

static size_t collect_legs(const parameters *p, workspace *w, const double *v,
                           size_t i) {
    const hop__neighbors *list = w->neighbors;
    size_t count = 0;
    const size_t place = (size_t)list->place[i], first = list->first[place];
    for (size_t m = first; m < first + (size_t)list->count[place]; m++) {
        leg *l = &w->legs[count];
        size_t other = (size_t)list->index[m], j = (size_t)list->atom[other];
        dual square = constant(0.0);
        l->index = list->atom[other];
        l->species = w->species[j];
        l->pair = entry_of(p, w->species[i], l->species, l->species);
        for (size_t c = 0; c < 3; c++) {
            l->u[c].v = list->positions[4 * other + c] - list->positions[4 * place + c];
            l->u[c].d = v ? v[3 * j + c] - v[3 * i + c] : 0.0;
            square = add(square, mul(l->u[c], l->u[c]));
        }
        l->r = root(square);
        if (!(l->r.v < l->pair->reach))
            continue;
        l->inv_r = inverse(l->r);
        cut(l->pair->gamma * l->pair->sigma, l->r, l->pair->barrier, &l->decay,
            &l->decay_slope);
        count++;
    }
    return count;
}

static void accumulate(hop_potential *potential, const hop_structure *s, const double *v,
                       totals *sum) {
    const parameters *p = potential->parameters;
    workspace *w = potential->workspace;
    memset(w->force, 0, 3 * s->count * sizeof *w->force);
    for (size_t i = 0; i < s->count; i++) {
        size_t count = collect_legs(p, w, v, i);
        double energy = 0.0;
        for (size_t a = 0; a < count; a++) {
            pair_term(&w->legs[a], w->force, i, &energy, sum);
            for (size_t b = a + 1; b < count; b++)
                triplet_term(&w->legs[a], &w->legs[b],
                             entry_of(p, w->species[i], w->legs[a].species,
                                      w->legs[b].species),
                             w->force, i, &energy, sum);
        }
        if (sum->energies)
            sum->energies[i] = energy;
    }
}

/* ---- the kind ---- */

static int missing(const hop_potential *potential, int32_t a, int32_t b, int32_t c) {
    const parameters *p = potential->parameters;
    return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                     "%.200s: expected an entry for %s %s %s, found none", p->name,
                     hop_element_symbol(a), hop_element_symbol(b), hop_element_symbol(c));
}

static int find_species(hop_potential *potential, const hop_structure *s) {
    const parameters *p = potential->parameters;
    workspace *w = potential->workspace;
    bool present[MAX_SPECIES] = {false};
    for (size_t i = 0; i < s->count; i++) {
        int32_t index = hop__species_index(&p->species, s->numbers[i]);
        if (index < 0)
            return missing(potential, s->numbers[i], s->numbers[i], s->numbers[i]);
        w->species[i] = index;
        present[index] = true;
    }
    const int32_t n = p->species.count, *z = p->species.numbers;
    for (int32_t t = 0; t < n * n * n; t++) {
        int32_t a = t / (n * n), b = t / n % n, c = t % n;
        if (present[a] && present[b] && present[c] && !entry_of(p, a, b, c)->known)
            return missing(potential, z[a], z[b], z[c]);
    }
    return HOP_OK;
}

static int reserve_atoms(workspace *w, size_t atoms) {
    if (atoms <= w->atoms)
        return HOP_OK;
    int32_t *species = hop__resize(w->context, w->species, atoms, sizeof *species);
    if (!species)
        return HOP_ERROR_MEMORY;
    w->species = species;
    dual *force = hop__resize(w->context, w->force, 3 * atoms, sizeof *force);
    if (!force)
        return HOP_ERROR_MEMORY;
    w->force = force;
    w->atoms = atoms;
    return HOP_OK;
}

static int prepare(hop_potential *potential, const hop_structure *s) {
    const parameters *p = potential->parameters;
    workspace *w = potential->workspace;
    int status = reserve_atoms(w, s->count);
    if (status == HOP_OK)
        status = find_species(potential, s);
    if (status == HOP_OK)
        status = hop__neighbors_update(w->neighbors, s, p->cutoff, SKIN);
    if (status != HOP_OK)
        return status;
    size_t most = w->neighbors->longest;
    if (most > w->leg_capacity) {
        leg *legs = hop__resize(w->context, w->legs, 2 * most, sizeof *legs);
        if (!legs)
            return HOP_ERROR_MEMORY;
        w->legs = legs;
        w->leg_capacity = 2 * most;
    }
    return HOP_OK;
}

static bool grow(hop_context *context, void *field, size_t count, size_t size) {
    void *old, *fresh;
    memcpy(&old, field, sizeof old);
    fresh = hop__resize(context, old, count, size);
    if (fresh)
        memcpy(field, &fresh, sizeof fresh);
    return fresh != NULL;
}

static int reserve_system(workspace *w, size_t atoms) {
    hop__sw_system *y = &w->system;
    const size_t blocks = (atoms + HOP__SW_BLOCK - 1) / HOP__SW_BLOCK;
    const size_t scratch = HOP__SW_BLOCK * (w->neighbors->longest + 16);
    if (blocks > w->blocks) {
        size_t n = blocks * HOP__SW_BLOCK;
        w->blocks = 0;
        if (!grow(w->context, &y->rows, n, sizeof *y->rows) ||
            !grow(w->context, &y->counts, n, sizeof *y->counts) ||
            !grow(w->context, &y->begins, blocks, sizeof *y->begins) ||
            !grow(w->context, &y->moments, 8 * n, sizeof *y->moments) ||
            !grow(w->context, &y->moment_pairs, 2 * n, sizeof *y->moment_pairs) ||
            !grow(w->context, &y->virials, 6 * n, sizeof *y->virials))
            return HOP_ERROR_MEMORY;
        w->blocks = blocks;
    }
    if (scratch > w->scratch_capacity) {
        w->scratch_capacity = 0;
        if (!grow(w->context, &w->scratch, 2 * scratch, sizeof *w->scratch))
            return HOP_ERROR_MEMORY;
        w->scratch_capacity = 2 * scratch;
    }
    return HOP_OK;
}

static bool one_element(const parameters *p, const workspace *w, const hop_structure *s) {
    for (size_t i = 1; i < s->count; i++)
        if (w->species[i] != w->species[0])
            return false;
    return entry_of(p, w->species[0], w->species[0], w->species[0])->reach > 0.0;
}

static int evaluate_element(hop_potential *potential, hop_structure *s) {
    const parameters *p = potential->parameters;
    workspace *w = potential->workspace;
    hop__sw_system *y = &w->system;
    const entry *e = entry_of(p, w->species[0], w->species[0], w->species[0]);
    int status = reserve_system(w, s->count);
    if (status != HOP_OK)
        return status;
    y->element = (hop__sw_element){e->reach, e->barrier, e->sigma, e->gamma, e->B, e->p, e->q,
                                   e->A * e->epsilon, e->lambda * e->epsilon, e->cos0};
    y->list = w->neighbors;
    y->energies = s->energies;
    y->forces = s->forces;
    const size_t blocks = (s->count + HOP__SW_BLOCK - 1) / HOP__SW_BLOCK;
    enum hop__isa isa = potential->context->isa;
    for (;;) {
        atomic_store(&y->entries_used, 0);
        for (size_t b = 0; b < blocks; b++)
            (isa == HOP__ISA_AVX512 ? hop__sw_moments_avx512 : isa == HOP__ISA_AVX2 ? hop__sw_moments_avx2 : hop__sw_moments_base)(y, b, w->scratch);
        size_t used = atomic_load(&y->entries_used);
        if (used <= y->entry_capacity)
            break;
        size_t wanted = used + used / 4 + 1024;
        y->entry_capacity = 0;
        if (!grow(w->context, &y->entries, wanted, sizeof *y->entries) || (s->count < KEEP && !grow(w->context, &y->kept, HOP__SW_KEPT * wanted, sizeof *y->kept)))
            return HOP_ERROR_MEMORY;
        y->entry_capacity = wanted;
    }
    for (size_t b = 0; b < blocks; b++)
        (isa == HOP__ISA_AVX512 ? hop__sw_forces_avx512 : isa == HOP__ISA_AVX2 ? hop__sw_forces_avx2 : hop__sw_forces_base)(y, b);
    double energy = 0.0, virial[6] = {0};
    for (size_t i = 0; i < s->count; i++) {
        energy += s->energies[i];
        for (int c = 0; c < 6; c++)
            virial[c] += y->virials[6 * i + c];
    }
    *s->energy = energy;
    memcpy(s->virial, virial, sizeof virial);
    return HOP_OK;
}

static int evaluate(hop_potential *potential, hop_structure *s) {
    int status = prepare(potential, s);
    if (status != HOP_OK)
        return status;
    if (one_element(potential->parameters, potential->workspace, s))
        return evaluate_element(potential, s);
    workspace *w = potential->workspace;
    totals sum = {.energies = s->energies};
    accumulate(potential, s, NULL, &sum);
    double energy = 0.0;
    for (size_t i = 0; i < s->count; i++)
        energy += s->energies[i];
    for (size_t k = 0; k < 3 * s->count; k++)
        s->forces[k] = w->force[k].v;
    *s->energy = energy;
    memcpy(s->virial, sum.virial, sizeof sum.virial);
    return HOP_OK;
}

static int hessian_vector(hop_potential *potential, const hop_structure *s,
                          const double *v, double *hv) {
    int status = prepare(potential, s);
    if (status != HOP_OK)
        return status;
    workspace *w = potential->workspace;
    totals sum = {0};
    accumulate(potential, s, v, &sum);
    for (size_t k = 0; k < 3 * s->count; k++)
        hv[k] = -w->force[k].d;
    return HOP_OK;
}

/* The pair term alone: its minimum is the bond length of the diamond crystal, where the
   three-body term vanishes and each atom has four bonds of energy epsilon. */
static int scales(const hop_potential *potential, int32_t number, hop_scales *out) {
    const parameters *p = potential->parameters;
    int32_t index = hop__species_index(&p->species, number);
    if (index < 0 || !entry_of(p, index, index, index)->known)
        return missing(potential, number, number, number);
    const entry *e = entry_of(p, index, index, index);
    double low = 0.0, best = 0.0, h = 1e-3 * e->sigma, curve[3];
    for (int k = 0; k < 1000; k++) {
        double r = e->sigma * (0.8 + 0.001 * k), x = e->sigma / r;
        double shape = e->B * hop__power(x, e->p) - hop__power(x, e->q);
        double value =
            r < e->barrier ? shape * hop__exp(e->sigma / (r - e->barrier)) : 0.0;
        if (value < low) {
            low = value;
            best = r;
        }
    }
    if (best == 0.0)
        best = 1.12 * e->sigma;
    for (int k = 0; k < 3; k++) {
        double r = best + h * (k - 1), x = e->sigma / r;
        curve[k] = (e->B * hop__power(x, e->p) - hop__power(x, e->q)) *
                   hop__exp(e->sigma / (r - e->barrier));
    }
    out->length = best;
    out->energy = 2.0 * e->epsilon;
    out->stiffness =
        e->A * e->epsilon * (curve[0] - 2.0 * curve[1] + curve[2]) / (h * h);
    if (!(out->stiffness > 0.0))
        out->stiffness = 5.0 * out->energy / (best * best);
    return HOP_OK;
}

static double cutoff(const hop_potential *potential) {
    return ((const parameters *)potential->parameters)->cutoff;
}

const hop__potential_kind hop__stillinger_weber_kind = {
    "stillinger-weber", ".sw",          parse,  free_parameters, new_workspace,
    free_workspace,     evaluate,       hessian_vector, scales,  cutoff};

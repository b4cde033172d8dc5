/* Gupta's second-moment tight-binding potential (Cleri and Rosato, Phys. Rev. B 48, 22
 * (1993)):
 *
 *   E = sum_i [ sum_j A exp(-p (r/r0 - 1)) - sqrt( sum_j xi^2 exp(-2 q (r/r0 - 1)) ) ]
 *
 * With cut-offs, as in LAMMPS' pair_style smatb, A exp(..) and xi exp(..) are each joined to
 * zero between rc_start and rc_end by a3 t^3 + a4 t^4 + a5 t^5, t = r - rc_end. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/gupta_kernels.h"
#include "potentials/parameter_file.h"
#include "potentials/potential.h"
#include "structure/elements.h"
#include "structure/neighbors.h"

#define SKIN 0.5

typedef struct pair {
    bool known;
    double r0, p, q, a, xi;
    double start, end; /* cut-off window, infinite without */
    double rep_tail[3], hop_tail[3];
    double cr, br, ch, bh; /* folded exponents */
} pair;

typedef struct parameters {
    char *name;
    hop__species species;
    double cutoff;
    pair *pairs; /* species.count squared */
} parameters;

typedef struct workspace {
    hop_context *context;
    size_t stride_capacity, block_size, pair_capacity;
    double *block; /* all arrays of the cluster kernels */
    int32_t *species;
    hop__neighbors *neighbors;
    double *terms; /* six per neighbour */
} workspace;

static const pair *pair_of(const parameters *p, int32_t a, int32_t b) {
    return &p->pairs[a * p->species.count + b];
}

/* ---- parameter file ---- */

static double exponential(double r, double height, double steepness, double r0) {
    return height * hop__exp(-steepness * (r / r0 - 1.0));
}

/* a3, a4, a5 from value, slope and curvature of the exponential at the window's start. */
static void fit_tail(double value, double steepness, double r0, double start, double end,
                     double tail[3]) {
    double d = start - end, rate = -steepness / r0;
    double f0 = value, f1 = value * rate * d, f2 = value * rate * rate * d * d;
    double c = 0.5 * f2 - 3.0 * f1 + 6.0 * f0;
    double b = f1 - 3.0 * f0 - 2.0 * c;
    tail[0] = (f0 - b - c) / (d * d * d);
    tail[1] = b / (d * d * d * d);
    tail[2] = c / (d * d * d * d * d);
}

static void finish_pair(pair *t) {
    if (isfinite(t->end)) {
        fit_tail(exponential(t->start, t->a, t->p, t->r0), t->p, t->r0, t->start, t->end,
                 t->rep_tail);
        fit_tail(exponential(t->start, t->xi, t->q, t->r0), t->q, t->r0, t->start, t->end,
                 t->hop_tail);
    }
    t->cr = hop__ln(t->a) + t->p;
    t->br = t->p / t->r0;
    t->ch = 2.0 * hop__ln(t->xi) + 2.0 * t->q;
    t->bh = 2.0 * t->q / t->r0;
}

static int parse_numbers(hop_context *context, const hop__lines *lines, hop__span rest,
                         pair *t) {
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
    *t = (pair){.known = true, .r0 = value[0], .p = value[1], .q = value[2],
                .a = value[3], .xi = value[4], .start = INFINITY, .end = INFINITY};
    if (count == 7) {
        t->start = value[5];
        t->end = value[6];
        if (!(t->start < t->end))
            return hop__parameter_error(context, lines, "rc_start below rc_end", all);
    }
    finish_pair(t);
    return HOP_OK;
}

static int parse_line(hop_context *context, const hop__lines *lines, hop__span rest,
                      parameters *p, pair *table) {
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
    pair *ab = &table[index[0] * HOP__MAX_SPECIES + index[1]];
    if (ab->known)
        return hop__parameter_error(context, lines, "each pair once", hop__span_trim(rest));
    int status = parse_numbers(context, lines, rest, ab);
    table[index[1] * HOP__MAX_SPECIES + index[0]] = *ab;
    return status;
}

static void free_parameters(hop_context *context, void *opaque) {
    parameters *p = opaque;
    if (!p)
        return;
    hop__release(context, p->pairs);
    hop__release(context, p->name);
    hop__release(context, p);
}

static int parse_table(hop_context *context, const char *name, const char *text,
                       size_t size, parameters *p, pair *table) {
    hop__lines lines;
    hop__span line;
    int status = hop__parameter_units(context, name, text, size, false, true);
    hop__lines_start(&lines, name, text, size);
    while (status == HOP_OK && hop__parameter_line(&lines, &line))
        status = parse_line(context, &lines, line, p, table);
    if (status == HOP_OK && p->species.count == 0)
        status = hop__fail(context, HOP_ERROR_FORMAT,
                           "%.300s: expected at least one pair of elements, got none", name);
    return status;
}

static int parse(hop_context *context, const char *name, const char *text, size_t size,
                 void **out) {
    parameters *p = hop__allocate(context, 1, sizeof *p);
    pair *table =
        hop__allocate(context, (size_t)HOP__MAX_SPECIES * HOP__MAX_SPECIES, sizeof *table);
    int status = p && table ? HOP_OK : HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status = parse_table(context, name, text, size, p, table);
    if (status == HOP_OK) {
        size_t n = (size_t)p->species.count;
        p->name = hop__duplicate(context, name);
        p->pairs = hop__allocate(context, n * n, sizeof *p->pairs);
        if (!p->name || !p->pairs)
            status = HOP_ERROR_MEMORY;
        for (size_t k = 0; status == HOP_OK && k < n * n; k++) {
            p->pairs[k] = table[k / n * HOP__MAX_SPECIES + k % n];
            if (p->pairs[k].known && p->pairs[k].end > p->cutoff)
                p->cutoff = p->pairs[k].end;
        }
    }
    hop__release(context, table);
    if (status != HOP_OK)
        free_parameters(context, p);
    else
        *out = p;
    return status;
}

/* ---- workspace ---- */

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
    hop__neighbors_free(w->neighbors);
    hop__release(context, w->terms);
    hop__release(context, w->species);
    hop__release(context, w->block);
    hop__release(context, w);
}

static int missing_pair(const hop_potential *potential, int32_t a, int32_t b) {
    const parameters *p = potential->parameters;
    return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                     "%.200s: expected parameters for %s-%s, found none", p->name,
                     hop_element_symbol(a), hop_element_symbol(b));
}

/* Each atom's index into the species; every pair that occurs must be known. */
static int find_species(hop_potential *potential, const hop_structure *s) {
    const parameters *p = potential->parameters;
    workspace *w = potential->workspace;
    bool present[HOP__MAX_SPECIES] = {false};
    for (size_t i = 0; i < s->count; i++) {
        int32_t index = hop__species_index(&p->species, s->numbers[i]);
        if (index < 0)
            return missing_pair(potential, s->numbers[i], s->numbers[i]);
        w->species[i] = index;
        present[index] = true;
    }
    for (int32_t a = 0; a < p->species.count; a++)
        for (int32_t b = 0; b <= a; b++)
            if (present[a] && present[b] && !pair_of(p, a, b)->known)
                return missing_pair(potential, p->species.numbers[a],
                                    p->species.numbers[b]);
    return HOP_OK;
}

static int reserve(workspace *w, size_t stride, size_t doubles) {
    if (stride > w->stride_capacity) {
        int32_t *species = hop__resize(w->context, w->species, stride, sizeof *species);
        if (!species)
            return HOP_ERROR_MEMORY;
        w->species = species;
        w->stride_capacity = stride;
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

#define ROWS 15 /* stride-long arrays besides the tables and the pair terms */

static void lay_out(const parameters *p, workspace *w, hop__gupta_cluster *c) {
    const size_t n = c->stride;
    double *at = w->block;
    double **rows[] = {&c->repulsion, &c->density,  &c->root,     &c->density_dot,
                       &c->root_dot,  &c->force[0], &c->force[1], &c->force[2]};
    c->species = w->species;
    for (int k = 0; k < 3; k++, at += n)
        c->x[k] = at;
    for (int k = 0; k < 3; k++, at += n)
        c->v[k] = at;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++, at += n)
        *rows[k] = at;
    const double **tables[] = {&c->cr, &c->br, &c->ch, &c->bh};
    for (int k = 0; k < 4; k++, at += (size_t)p->species.count * n)
        *tables[k] = at;
    double **terms[] = {&c->rep, &c->hop, &c->inverse, &c->slope};
    for (int k = 0; k < 4; k++, at += c->count * n)
        *terms[k] = at;
}

static void fill_rows(const double *from, size_t count, size_t stride, double pad,
                      const double *const to[3]) {
    for (int c = 0; c < 3; c++) {
        double *row = (double *)to[c];
        for (size_t i = 0; i < stride; i++)
            row[i] = i < count ? from[3 * i + (size_t)c] : pad * (double)(i - count + 1);
    }
}

static void fill_tables(const parameters *p, hop__gupta_cluster *c) {
    for (int32_t b = 0; b < p->species.count; b++)
        for (size_t i = 0; i < c->stride; i++) {
            const pair *t = pair_of(p, i < c->count ? c->species[i] : c->species[0], b);
            size_t at = (size_t)b * c->stride + i;
            ((double *)c->cr)[at] = t->cr;
            ((double *)c->br)[at] = t->br;
            ((double *)c->ch)[at] = t->ch;
            ((double *)c->bh)[at] = t->bh;
        }
}

static int prepare_cluster(hop_potential *potential, const hop_structure *s,
                           hop__gupta_cluster *c) {
    const parameters *p = potential->parameters;
    workspace *w = potential->workspace;
    *c = (hop__gupta_cluster){.count = s->count, .stride = (s->count + 7) / 8 * 8};
    int status = reserve(
        w, c->stride, (ROWS + 4 * (size_t)p->species.count + 4 * c->count) * c->stride);
    if (status == HOP_OK)
        status = find_species(potential, s);
    if (status != HOP_OK)
        return status;
    lay_out(p, w, c);
    fill_rows(s->positions, s->count, c->stride, 50.0, c->x);
    fill_tables(p, c);
    return HOP_OK;
}

static int cluster_evaluate(hop_potential *potential, hop_structure *s) {
    hop__gupta_cluster c;
    int status = prepare_cluster(potential, s, &c);
    if (status != HOP_OK)
        return status;
    switch (potential->context->isa) {
    case HOP__ISA_AVX512:
        hop__gupta_forces_avx512(&c);
        break;
    case HOP__ISA_AVX2:
        hop__gupta_forces_avx2(&c);
        break;
    default:
        hop__gupta_forces_base(&c);
    }
    double energy = 0.0, virial[6] = {0};
    for (size_t i = 0; i < s->count; i++) {
        double *f = s->forces + 3 * i;
        /* the forces add up to zero: seen from atom 0, far from the origin nothing is lost */
        const double x[3] = {s->positions[3 * i] - s->positions[0],
                             s->positions[3 * i + 1] - s->positions[1],
                             s->positions[3 * i + 2] - s->positions[2]};
        s->energies[i] = c.repulsion[i] - sqrt(c.density[i]);
        energy += s->energies[i];
        for (int k = 0; k < 3; k++)
            f[k] = c.force[k][i];
        virial[0] += x[0] * f[0];
        virial[1] += x[1] * f[1];
        virial[2] += x[2] * f[2];
        virial[3] += x[1] * f[2];
        virial[4] += x[0] * f[2];
        virial[5] += x[0] * f[1];
    }
    *s->energy = energy;
    memcpy(s->virial, virial, sizeof virial);
    return HOP_OK;
}

static int cluster_hessian(hop_potential *potential, const hop_structure *s,
                           const double *v, double *hv) {
    hop__gupta_cluster c;
    int status = prepare_cluster(potential, s, &c);
    if (status != HOP_OK)
        return status;
    fill_rows(v, s->count, c.stride, 0.0, c.v);
    switch (potential->context->isa) {
    case HOP__ISA_AVX512:
        hop__gupta_hessian_avx512(&c);
        break;
    case HOP__ISA_AVX2:
        hop__gupta_hessian_avx2(&c);
        break;
    default:
        hop__gupta_hessian_base(&c);
    }
    for (size_t i = 0; i < s->count; i++)
        for (int k = 0; k < 3; k++)
            hv[3 * i + (size_t)k] = c.force[k][i];
    return HOP_OK;
}

/* ---- with cut-off, periodic or not ---- */

static void tail_values(const double tail[3], double t, double f[3]) {
    f[0] = t * t * t * (tail[0] + t * (tail[1] + t * tail[2]));
    f[1] = t * t * (3.0 * tail[0] + t * (4.0 * tail[1] + t * 5.0 * tail[2]));
    f[2] = t * (6.0 * tail[0] + t * (12.0 * tail[1] + t * 20.0 * tail[2]));
}

/* Value, slope and curvature of the repulsion and of the squared hopping at r. */
static void pair_values(const pair *t, double r, double rep[3], double hop[3]) {
    double eta[3];
    if (r <= t->start) {
        double rate = -t->q / t->r0;
        rep[0] = hop__exp(t->cr - t->br * r);
        rep[1] = -t->br * rep[0];
        rep[2] = t->br * t->br * rep[0];
        eta[0] = t->xi * hop__exp(-t->q * (r / t->r0 - 1.0));
        eta[1] = rate * eta[0];
        eta[2] = rate * eta[1];
    } else {
        tail_values(t->rep_tail, r - t->end, rep);
        tail_values(t->hop_tail, r - t->end, eta);
    }
    hop[0] = eta[0] * eta[0];
    hop[1] = 2.0 * eta[0] * eta[1];
    hop[2] = 2.0 * (eta[1] * eta[1] + eta[0] * eta[2]);
}

/* From the neighbour in entry k to atom i; returns which atom the neighbour is. */
static size_t separation(const hop__neighbors *list, size_t i, size_t k, double u[3]) {
    const double *xi = list->positions + 4 * (size_t)list->place[i];
    const double *xj = list->positions + 4 * (size_t)list->index[k];
    for (int c = 0; c < 3; c++)
        u[c] = xi[c] - xj[c];
    return (size_t)list->atom[list->index[k]];
}

static size_t row_begin(const hop__neighbors *list, size_t i) {
    return list->first[list->place[i]];
}

static size_t row_end(const hop__neighbors *list, size_t i) {
    return row_begin(list, i) + (size_t)list->count[list->place[i]];
}

static int prepare_list(hop_potential *potential, const hop_structure *s) {
    const parameters *p = potential->parameters;
    workspace *w = potential->workspace;
    if (hop__structure_is_periodic(s) && !isfinite(p->cutoff))
        return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                         "%.200s has no cut-off: expected a structure that is not periodic, "
                         "or a file with rc_start and rc_end",
                         p->name);
    int status = reserve(w, s->count, 4 * s->count);
    if (status == HOP_OK)
        status = find_species(potential, s);
    if (status == HOP_OK)
        status = hop__neighbors_update(w->neighbors, s, p->cutoff, SKIN);
    size_t pairs = status == HOP_OK ? w->neighbors->reserved : 0;
    if (status == HOP_OK && pairs > w->pair_capacity) {
        double *terms = hop__resize(w->context, w->terms, 6 * pairs, sizeof *terms);
        if (!terms)
            return HOP_ERROR_MEMORY;
        w->terms = terms;
        w->pair_capacity = pairs;
    }
    return status;
}

/* For each neighbour: 1/r (0 when out of reach), slopes and curvatures; for each atom the
   repulsion in `block`, rho after it, then 1/sqrt(rho). */
static void list_terms(hop_potential *potential, const hop_structure *s) {
    const parameters *p = potential->parameters;
    workspace *w = potential->workspace;
    const hop__neighbors *list = w->neighbors;
    double *repulsion = w->block, *density = repulsion + s->count,
           *root = density + s->count;
    for (size_t i = 0; i < s->count; i++) {
        repulsion[i] = density[i] = 0.0;
        for (size_t k = row_begin(list, i); k < row_end(list, i); k++) {
            double u[3], rep[3], hop[3], *term = w->terms + 6 * k;
            size_t j = separation(list, i, k, u);
            const pair *t = pair_of(p, w->species[i], w->species[j]);
            double r = sqrt(hop__dot(u, u, 3));
            term[0] = 0.0;
            if (!(r < t->end))
                continue;
            pair_values(t, r, rep, hop);
            repulsion[i] += rep[0];
            density[i] += hop[0];
            memcpy(term, (double[]){1.0 / r, rep[1], hop[1], rep[2], hop[2], 0.0},
                   6 * sizeof *term);
        }
        root[i] = density[i] > HOP__GUPTA_ALONE ? 1.0 / sqrt(density[i]) : 0.0;
    }
}

static int list_evaluate(hop_potential *potential, hop_structure *s) {
    int status = prepare_list(potential, s);
    if (status != HOP_OK)
        return status;
    list_terms(potential, s);
    workspace *w = potential->workspace;
    const hop__neighbors *list = w->neighbors;
    const double *repulsion = w->block, *density = repulsion + s->count,
                 *root = density + s->count;
    double energy = 0.0, virial[6] = {0};
    for (size_t i = 0; i < s->count; i++) {
        double f[3] = {0.0, 0.0, 0.0};
        for (size_t k = row_begin(list, i); k < row_end(list, i); k++) {
            const double *term = w->terms + 6 * k;
            double u[3];
            if (term[0] == 0.0)
                continue;
            double sum = root[i] + root[separation(list, i, k, u)];
            double scale = (0.5 * sum * term[2] - 2.0 * term[1]) * term[0];
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
        s->energies[i] = repulsion[i] - sqrt(density[i]);
        energy += s->energies[i];
    }
    *s->energy = energy;
    memcpy(s->virial, virial, sizeof virial);
    return HOP_OK;
}

static int list_hessian(hop_potential *potential, const hop_structure *s, const double *v,
                        double *hv) {
    int status = prepare_list(potential, s);
    if (status != HOP_OK)
        return status;
    list_terms(potential, s);
    workspace *w = potential->workspace;
    const hop__neighbors *list = w->neighbors;
    const double *root = w->block + 2 * s->count;
    double *root_dot = w->block + 3 * s->count;
    for (size_t i = 0; i < s->count; i++) {
        double change = 0.0;
        for (size_t k = row_begin(list, i); k < row_end(list, i); k++) {
            double u[3], *term = w->terms + 6 * k;
            if (term[0] == 0.0)
                continue;
            const double *vj = v + 3 * separation(list, i, k, u);
            term[5] = 0.0;
            for (int c = 0; c < 3; c++)
                term[5] += u[c] * (v[3 * i + (size_t)c] - vj[c]) * term[0];
            change += term[2] * term[5];
        }
        root_dot[i] = -0.5 * root[i] * root[i] * root[i] * change;
    }
    for (size_t i = 0; i < s->count; i++) {
        double sum[3] = {0.0, 0.0, 0.0};
        for (size_t k = row_begin(list, i); k < row_end(list, i); k++) {
            const double *term = w->terms + 6 * k;
            double u[3];
            if (term[0] == 0.0)
                continue;
            size_t j = separation(list, i, k, u);
            double mean = 0.5 * (root[i] + root[j]);
            double scale = (mean * term[2] - 2.0 * term[1]) * term[0];
            double change = (mean * term[4] - 2.0 * term[3]) * term[5] +
                            0.5 * (root_dot[i] + root_dot[j]) * term[2];
            double rate = (change - scale * term[5]) * term[0];
            for (size_t c = 0; c < 3; c++)
                sum[c] -= rate * u[c] + scale * (v[3 * i + c] - v[3 * j + c]);
        }
        memcpy(hv + 3 * i, sum, sizeof sum);
    }
    return HOP_OK;
}

/* ---- the kind ---- */

static bool is_open_cluster(const hop_potential *potential, const hop_structure *s) {
    const parameters *p = potential->parameters;
    if (hop__structure_is_periodic(s))
        return false;
    for (int32_t k = 0; k < p->species.count * p->species.count; k++)
        if (p->pairs[k].known && isfinite(p->pairs[k].end))
            return false;
    return true;
}

static int evaluate(hop_potential *potential, hop_structure *s) {
    return is_open_cluster(potential, s) ? cluster_evaluate(potential, s)
                                         : list_evaluate(potential, s);
}

static int hessian_vector(hop_potential *potential, const hop_structure *s,
                          const double *v, double *hv) {
    return is_open_cluster(potential, s) ? cluster_hessian(potential, s, v, hv)
                                         : list_hessian(potential, s, v, hv);
}

/* Of a twelvefold coordinated atom with bonds of length r0: cohesion 12 A - sqrt(12) xi, and
   the curvature of the energy per bond. */
static int scales(const hop_potential *potential, int32_t number, hop_scales *out) {
    const parameters *p = potential->parameters;
    int32_t index = hop__species_index(&p->species, number);
    if (index < 0 || !pair_of(p, index, index)->known)
        return missing_pair(potential, number, number);
    const pair *t = pair_of(p, index, index);
    const double root12 = 3.4641016151377544;
    out->length = t->r0;
    out->energy = fabs(12.0 * t->a - root12 * t->xi);
    out->stiffness = (2.0 * t->a * t->p * t->p - 4.0 * t->q * t->q * t->xi / root12) /
                     (t->r0 * t->r0);
    if (!(out->stiffness > 0.0))
        out->stiffness = 4.0 * out->energy / (t->r0 * t->r0);
    return HOP_OK;
}

static double cutoff(const hop_potential *potential) {
    return ((const parameters *)potential->parameters)->cutoff;
}

const hop__potential_kind hop__gupta_kind = {
    "gupta",  ".gupta",       parse,  free_parameters, new_workspace, free_workspace,
    evaluate, hessian_vector, scales, cutoff};

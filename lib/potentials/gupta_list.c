/* Gupta with cut-offs, periodic or not, through the neighbour list. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/gupta.h"
#include "potentials/gupta_kernels.h"
#include "structure/neighbors.h"

#define SKIN 0.5

struct hop__gupta_rows {
    size_t capacity, pair_capacity;
    int32_t *species;
    double *block; /* four arrays over atoms */
    double *terms; /* six per neighbour */
    hop__neighbors *neighbors;
};

void hop__gupta_rows_free(hop_context *context, hop__gupta_rows *rows) {
    if (!rows)
        return;
    hop__neighbors_free(rows->neighbors);
    hop__release(context, rows->terms);
    hop__release(context, rows->block);
    hop__release(context, rows->species);
    hop__release(context, rows);
}

static int make_rows(hop_context *context, hop__gupta_workspace *w) {
    hop__gupta_rows *rows = hop__allocate(context, 1, sizeof *rows);
    if (!rows)
        return HOP_ERROR_MEMORY;
    if (hop__neighbors_new(context, &rows->neighbors) != HOP_OK) {
        hop__release(context, rows);
        return HOP_ERROR_MEMORY;
    }
    w->rows = rows;
    return HOP_OK;
}

static int reserve(hop_context *context, hop__gupta_rows *w, size_t atoms) {
    if (atoms <= w->capacity)
        return HOP_OK;
    int32_t *species = hop__resize(context, w->species, atoms, sizeof *species);
    if (!species)
        return HOP_ERROR_MEMORY;
    w->species = species;
    double *block = hop__resize(context, w->block, 4 * atoms, sizeof *block);
    if (!block)
        return HOP_ERROR_MEMORY;
    w->block = block;
    w->capacity = atoms;
    return HOP_OK;
}

static void tail_values(const double tail[3], double t, double f[3]) {
    f[0] = t * t * t * (tail[0] + t * (tail[1] + t * tail[2]));
    f[1] = t * t * (3.0 * tail[0] + t * (4.0 * tail[1] + t * 5.0 * tail[2]));
    f[2] = t * (6.0 * tail[0] + t * (12.0 * tail[1] + t * 20.0 * tail[2]));
}

/* Value, slope and curvature of the repulsion and of the squared hopping at r. */
static void pair_values(const hop__gupta_pair *t, double r, double rep[3],
                        double hop[3]) {
    double eta[3];
    if (r <= t->start) {
        double rate = -t->q / t->r0;
        rep[0] = t->a * hop__exp(-t->p * (r / t->r0 - 1.0));
        rep[1] = -t->p / t->r0 * rep[0];
        rep[2] = -t->p / t->r0 * rep[1];
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
    const hop__gupta_parameters *p = potential->parameters;
    if (hop__structure_is_periodic(s) && !isfinite(p->cutoff))
        return hop__fail(
            potential->context, HOP_ERROR_ARGUMENT,
            "%.200s has no cut-off: expected a structure that is not periodic, "
            "or a file with rc_start and rc_end",
            p->name);
    hop__gupta_workspace *all = potential->workspace;
    int status = all->rows ? HOP_OK : make_rows(potential->context, all);
    hop__gupta_rows *w = all->rows;
    if (status == HOP_OK)
        status = reserve(potential->context, w, s->count);
    if (status == HOP_OK)
        status = hop__gupta_find_species(potential, s, w->species);
    if (status == HOP_OK)
        status = hop__neighbors_update(w->neighbors, s, p->cutoff, SKIN);
    size_t pairs = status == HOP_OK ? w->neighbors->reserved : 0;
    if (status == HOP_OK && pairs > w->pair_capacity) {
        double *terms =
            hop__resize(potential->context, w->terms, 6 * pairs, sizeof *terms);
        if (!terms)
            return HOP_ERROR_MEMORY;
        w->terms = terms;
        w->pair_capacity = pairs;
    }
    return status;
}

/* For each neighbour: 1/r (0 when out of reach), slopes and curvatures; for each atom
   the repulsion in `block`, rho after it, then 1/sqrt(rho). */
static void list_terms(hop_potential *potential, const hop_structure *s) {
    const hop__gupta_parameters *p = potential->parameters;
    hop__gupta_rows *w = ((hop__gupta_workspace *)potential->workspace)->rows;
    const hop__neighbors *list = w->neighbors;
    double *repulsion = w->block, *density = repulsion + s->count,
           *root = density + s->count;
    for (size_t i = 0; i < s->count; i++) {
        repulsion[i] = density[i] = 0.0;
        for (size_t k = row_begin(list, i); k < row_end(list, i); k++) {
            double u[3], rep[3], hop[3], *term = w->terms + 6 * k;
            size_t j = separation(list, i, k, u);
            const hop__gupta_pair *t =
                hop__gupta_pair_of(p, w->species[i], w->species[j]);
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

int hop__gupta_list_evaluate(hop_potential *potential, hop_structure *s) {
    int status = prepare_list(potential, s);
    if (status != HOP_OK)
        return status;
    list_terms(potential, s);
    hop__gupta_rows *w = ((hop__gupta_workspace *)potential->workspace)->rows;
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

int hop__gupta_list_hessian(hop_potential *potential, const hop_structure *s,
                            const double *v, double *hv) {
    int status = prepare_list(potential, s);
    if (status != HOP_OK)
        return status;
    list_terms(potential, s);
    hop__gupta_rows *w = ((hop__gupta_workspace *)potential->workspace)->rows;
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

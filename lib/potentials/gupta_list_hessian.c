/* Hessian-vector products of Gupta with cut-offs, neighbour by neighbour. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/gupta_kernels.h"
#include "potentials/gupta_rows.h"

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

static int prepare(hop_potential *potential, const hop_structure *s) {
    int status = hop__gupta_rows_prepare(potential, s);
    if (status != HOP_OK)
        return status;
    hop__gupta_rows *w = ((hop__gupta_workspace *)potential->workspace)->rows;
    size_t size = 6 * w->neighbors->reserved + 4 * s->count;
    if (size > w->hessian_capacity) {
        double *more =
            hop__resize(potential->context, w->hessian, size, sizeof *w->hessian);
        if (!more)
            return HOP_ERROR_MEMORY;
        w->hessian = more;
        w->hessian_capacity = size;
    }
    return HOP_OK;
}

/* For each neighbour: 1/r (0 when out of reach), slopes and curvatures; for each atom
   the repulsion in `block`, rho after it, then 1/sqrt(rho). */
static void list_terms(hop_potential *potential, const hop_structure *s) {
    const hop__gupta_parameters *p = potential->parameters;
    hop__gupta_rows *w = ((hop__gupta_workspace *)potential->workspace)->rows;
    const hop__neighbors *list = w->neighbors;
    double *repulsion = w->hessian, *density = repulsion + s->count,
           *root = density + s->count;
    for (size_t i = 0; i < s->count; i++) {
        repulsion[i] = density[i] = 0.0;
        for (size_t k = row_begin(list, i); k < row_end(list, i); k++) {
            double u[3], rep[3], hop[3], *term = w->hessian + 4 * s->count + 6 * k;
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

int hop__gupta_list_hessian(hop_potential *potential, const hop_structure *s,
                            const double *v, double *hv) {
    int status = prepare(potential, s);
    if (status != HOP_OK)
        return status;
    list_terms(potential, s);
    hop__gupta_rows *w = ((hop__gupta_workspace *)potential->workspace)->rows;
    const hop__neighbors *list = w->neighbors;
    const double *root = w->hessian + 2 * s->count;
    double *root_dot = w->hessian + 3 * s->count;
    for (size_t i = 0; i < s->count; i++) {
        double change = 0.0;
        for (size_t k = row_begin(list, i); k < row_end(list, i); k++) {
            double u[3], *term = w->hessian + 4 * s->count + 6 * k;
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
            const double *term = w->hessian + 4 * s->count + 6 * k;
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

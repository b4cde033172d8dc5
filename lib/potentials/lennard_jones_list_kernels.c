/* A row of the neighbour list goes through in three steps, each over short arrays in
 * the nearest cache: neighbours within the cut-off are brought together; each pair's
 * terms are computed; they are summed in eight lanes.  What is summed, and in which
 * lane, depends on the pairs within the cut-off only, not on what else the list holds.
 * A row that is longer than the arrays takes several rounds. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/vector_math.h"
#include "potentials/lennard_jones_kernels.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)
#define INLINE static inline __attribute__((always_inline))

#define MOST 256 /* neighbours in a round, a multiple of 8 */
#define FAR 1e20 /* where the neighbours are that fill up the last lanes */

typedef double lanes __attribute__((vector_size(64)));
typedef double loose __attribute__((vector_size(64), aligned(8), may_alias));
#define AT(from, k) (*(const loose *)((from) + (k)))

typedef struct round_arrays {
    size_t count, padded;
    double x[MOST + 8], y[MOST + 8], z[MOST + 8], square[MOST + 8]; /* x_i - x_j */
    double u[MOST + 8], v[MOST + 8], w[MOST + 8];                   /* v_i - v_j */
    int32_t species[MOST + 8];
    double along[MOST + 8], across[MOST + 8], energy[MOST + 8];
} round_arrays;

/* ---- bringing together ---- */

/* Entries from `k` on, until the arrays are full; returns where the next round begins.
 */
INLINE size_t gather(const hop__lj_rows *r, size_t i, size_t k, round_arrays *a,
                     bool mixed, bool direction) {
    const double *xi = r->positions + 4 * i, *vi = r->v + (direction ? 4 * i : 0);
    const hop__lj_list_pair *row =
        r->table + (mixed ? (size_t)r->species[i] * r->kinds : 0);
    const size_t end = r->first[i] + (size_t)r->count[i];
    size_t count = 0;
    for (; k < end && count < MOST; k++) {
        const size_t j = (size_t)r->index[k];
        const double *xj = r->positions + 4 * j;
        const double x = xi[0] - xj[0], y = xi[1] - xj[1], z = xi[2] - xj[2];
        const double square = HOP__FMA(z, z, HOP__FMA(y, y, x * x));
        const int32_t species = mixed ? r->species[j] : 0;
        a->x[count] = x;
        a->y[count] = y;
        a->z[count] = z;
        a->square[count] = square;
        if (mixed)
            a->species[count] = species;
        if (direction) {
            const double *vj = r->v + 4 * j;
            a->u[count] = vi[0] - vj[0];
            a->v[count] = vi[1] - vj[1];
            a->w[count] = vi[2] - vj[2];
        }
        count += square < row[species].cutoff_square;
    }
    a->count = count;
    a->padded = (count + 7) / 8 * 8;
    for (size_t l = count; l < a->padded; l++) {
        a->x[l] = FAR;
        a->y[l] = a->z[l] = a->u[l] = a->v[l] = a->w[l] = 0.0;
        a->square[l] = FAR * FAR;
        a->species[l] = 0;
    }
    return k;
}

/* ---- terms ---- */

/* Energy, and F = along u. */
INLINE void force_terms(const hop__lj_list_pair *row, round_arrays *a, bool mixed,
                        bool smooth) {
#pragma omp simd
    for (size_t k = 0; k < a->padded; k++) {
        const hop__lj_list_pair *t = mixed ? &row[a->species[k]] : row;
        double square = a->square[k], inverse = 1.0 / square;
        double q = t->sigma_square * inverse, g = q * q * q, less = g - 1.0;
        double weight = t->depth * g;
        double energy = HOP__FMA(weight, less, -t->shift);
        double along = 6.0 * weight * inverse * (g + less);
        if (smooth) {
            double distance = sqrt(square), x = (distance - t->start) * t->slope;
            x = x > 0.0 ? x : 0.0;
            x = x < 1.0 ? x : 1.0;
            double s = 1.0 - x * x * x * (10.0 - x * (15.0 - 6.0 * x));
            double ds = -30.0 * x * x * (1.0 - x) * (1.0 - x) * t->slope;
            along = along * s - energy * ds * distance * inverse;
            energy *= s;
        }
        a->energy[k] = energy;
        a->along[k] = along;
    }
}

/* H v = along u + across dv. */
INLINE void product_terms(const hop__lj_list_pair *row, round_arrays *a, bool mixed,
                          bool smooth) {
#pragma omp simd
    for (size_t k = 0; k < a->padded; k++) {
        const hop__lj_list_pair *t = mixed ? &row[a->species[k]] : row;
        double square = a->square[k], inverse = 1.0 / square;
        double q = t->sigma_square * inverse, g = q * q * q, less = g - 1.0;
        double weight = t->depth * g;
        /* slope / r and curvature */
        double slope = -6.0 * weight * inverse * (g + less);
        double curvature = weight * inverse * HOP__FMA(156.0, g, -42.0);
        if (smooth) {
            double distance = sqrt(square), x = (distance - t->start) * t->slope;
            double energy = weight * less;
            x = x > 0.0 ? x : 0.0;
            x = x < 1.0 ? x : 1.0;
            double s = 1.0 - x * x * x * (10.0 - x * (15.0 - 6.0 * x));
            double ds = -30.0 * x * x * (1.0 - x) * (1.0 - x) * t->slope;
            double dds = -60.0 * x * (1.0 - x) * (1.0 - 2.0 * x) * t->slope * t->slope;
            curvature = curvature * s + 2.0 * slope * distance * ds + energy * dds;
            slope = slope * s + energy * ds * distance * inverse;
        }
        double dot =
            HOP__FMA(a->z[k], a->w[k], HOP__FMA(a->y[k], a->v[k], a->x[k] * a->u[k]));
        a->along[k] = (curvature - slope) * inverse * dot;
        a->across[k] = slope;
    }
}

/* ---- sums ---- */

INLINE void clear_padding(round_arrays *a) {
    for (size_t k = a->count; k < a->padded; k++)
        a->along[k] = a->across[k] = a->energy[k] = 0.0;
}

INLINE double total(const lanes *sum) {
    double s[8];
    memcpy(s, sum, sizeof s);
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

INLINE void sum_forces(const round_arrays *a, lanes sums[10]) {
    for (size_t k = 0; k < a->padded; k += 8) {
        const lanes x = AT(a->x, k), y = AT(a->y, k), z = AT(a->z, k);
        const lanes s = AT(a->along, k), fx = s * x, fy = s * y, fz = s * z;
        sums[0] += fx;
        sums[1] += fy;
        sums[2] += fz;
        sums[3] += AT(a->energy, k);
        sums[4] += fx * x;
        sums[5] += fy * y;
        sums[6] += fz * z;
        sums[7] += fy * z;
        sums[8] += fx * z;
        sums[9] += fx * y;
    }
}

INLINE void sum_products(const round_arrays *a, lanes sums[3]) {
    for (size_t k = 0; k < a->padded; k += 8) {
        const lanes s = AT(a->along, k), t = AT(a->across, k);
        sums[0] += s * AT(a->x, k) + t * AT(a->u, k);
        sums[1] += s * AT(a->y, k) + t * AT(a->v, k);
        sums[2] += s * AT(a->z, k) + t * AT(a->w, k);
    }
}

/* ---- rows ---- */

INLINE void row_forces(const hop__lj_rows *r, size_t begin, size_t end, bool mixed,
                       bool smooth) {
    round_arrays a = {.count = 0};
    for (size_t i = begin; i < end; i++) {
        const hop__lj_list_pair *row =
            r->table + (mixed ? (size_t)r->species[i] * r->kinds : 0);
        const size_t after = r->first[i] + (size_t)r->count[i],
                     atom = (size_t)r->atom[i];
        lanes sums[10] = {{0}};
        for (size_t k = r->first[i]; k < after;) {
            k = gather(r, i, k, &a, mixed, false);
            force_terms(row, &a, mixed, smooth);
            clear_padding(&a);
            sum_forces(&a, sums);
        }
        for (size_t c = 0; c < 3; c++)
            r->forces[3 * atom + c] = total(&sums[c]);
        r->energies[atom] = 0.5 * total(&sums[3]);
        for (size_t c = 0; c < 6; c++)
            r->virials[6 * atom + c] = 0.5 * total(&sums[4 + c]);
    }
}

INLINE void row_products(const hop__lj_rows *r, size_t begin, size_t end, bool mixed,
                         bool smooth) {
    round_arrays a = {.count = 0};
    for (size_t i = begin; i < end; i++) {
        const hop__lj_list_pair *row =
            r->table + (mixed ? (size_t)r->species[i] * r->kinds : 0);
        const size_t after = r->first[i] + (size_t)r->count[i],
                     atom = (size_t)r->atom[i];
        lanes sums[3] = {{0}};
        for (size_t k = r->first[i]; k < after;) {
            k = gather(r, i, k, &a, mixed, true);
            product_terms(row, &a, mixed, smooth);
            clear_padding(&a);
            sum_products(&a, sums);
        }
        for (size_t c = 0; c < 3; c++)
            r->forces[3 * atom + c] = total(&sums[c]);
    }
}

void VARIANT(hop__lj_row_forces_)(const hop__lj_rows *r, size_t begin, size_t end) {
    if (r->species)
        r->smooth ? row_forces(r, begin, end, true, true)
                  : row_forces(r, begin, end, true, false);
    else
        r->smooth ? row_forces(r, begin, end, false, true)
                  : row_forces(r, begin, end, false, false);
}

void VARIANT(hop__lj_row_products_)(const hop__lj_rows *r, size_t begin, size_t end) {
    if (r->species)
        r->smooth ? row_products(r, begin, end, true, true)
                  : row_products(r, begin, end, true, false);
    else
        r->smooth ? row_products(r, begin, end, false, true)
                  : row_products(r, begin, end, false, false);
}

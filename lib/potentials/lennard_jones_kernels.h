/* All-pairs Lennard-Jones kernels for clusters without cut-off, one variant for each
   instruction set.  Arrays over atoms are padded to `stride`, a multiple of 8, with
   atoms far away. */
#ifndef HOP_POTENTIALS_LENNARD_JONES_KERNELS_H
#define HOP_POTENTIALS_LENNARD_JONES_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* ---- all pairs of a cluster ---- */

#define HOP__LJ_LANES 8

/* Arrays over atoms are padded to `stride`, a multiple of 8, with atoms far away.
   Sums over j of g (g - 1) in `energy` and, in `force`, of
     g (2 g - 1) u / r^2                                  for the forces,
     4 g (7 g - 2) (u.dv) u / r^4 - g (2 g - 1) dv / r^2  for Hessian products,
   g = (sigma/r)^6, u = x_i - x_j, dv = v_i - v_j.  One species: lengths are in sigma,
   and epsilon is left to the caller.  Several: each term is multiplied by the pair's
   epsilon. */
typedef struct hop__lj_cluster {
    size_t count, stride;
    const int32_t *species;                /* count; NULL when there is but one */
    const double *x[3];                    /* stride each */
    const double *v[3];                    /* direction, Hessian products only */
    const double *sigma_squared, *epsilon; /* [species of j][i]; several species only */
    double *energy, *force[3];             /* stride each */
} hop__lj_cluster;

/* ---- rows of a neighbour list ---- */

typedef struct hop__lj_list_pair {
    double sigma_square, depth; /* 4 epsilon */
    double cutoff_square, shift;
    double start, slope; /* smooth: t = (r - start) slope, else both are 0 */
    double unused[2];
} hop__lj_list_pair;

typedef struct hop__lj_rows {
    /* of the list: neighbors.h */
    const double *positions;
    const int32_t *atom, *count, *index;
    const size_t *first;
    const int32_t *species; /* per place, below `kinds`; NULL when there is but one */
    size_t kinds;
    const hop__lj_list_pair *table; /* [kinds of i][of j] */
    int smooth;                     /* some pair is */
    const double *v;                /* direction, 4 per place; products only */
    /* results, per atom of the structure */
    double *forces; /* 3, or of H v */
    double *energies;
    double *virials; /* 6 */
} hop__lj_rows;

/* hop__lj_sum: of x f (Voigt), and of `energy`; the fill-up atoms must have none.
   Atoms begin * HOP__LJ_LANES to end * HOP__LJ_LANES of a cluster; rows begin to end.
 */
#define HOP__LJ_DECLARE(suffix)                                                        \
    void hop__lj_forces_##suffix(const hop__lj_cluster *c, size_t begin, size_t end);  \
    void hop__lj_hessian_##suffix(const hop__lj_cluster *c, size_t begin, size_t end); \
    void hop__lj_sum_##suffix(const hop__lj_cluster *c, double sums[7]);               \
    void hop__lj_row_forces_##suffix(const hop__lj_rows *r, size_t begin, size_t end); \
    void hop__lj_row_products_##suffix(const hop__lj_rows *r, size_t begin, size_t end);
HOP__LJ_DECLARE(base)
HOP__LJ_DECLARE(avx2)
HOP__LJ_DECLARE(avx512)

#endif

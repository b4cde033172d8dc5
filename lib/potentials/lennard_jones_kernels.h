/* All-pairs Lennard-Jones kernels for clusters without cut-off, one variant for each
   instruction set.  Arrays over atoms are padded to `stride`, a multiple of 8, with
   atoms far away. */
#ifndef HOP_POTENTIALS_LENNARD_JONES_KERNELS_H
#define HOP_POTENTIALS_LENNARD_JONES_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#define HOP__LJ_LANES 8

/* Sums over j of g (g - 1) in `energy` and, in `force`, of
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

/* For the atoms from begin * HOP__LJ_LANES to end * HOP__LJ_LANES. */
#define HOP__LJ_DECLARE(suffix)                                                        \
    void hop__lj_forces_##suffix(const hop__lj_cluster *c, size_t begin, size_t end);  \
    void hop__lj_hessian_##suffix(const hop__lj_cluster *c, size_t begin, size_t end);
HOP__LJ_DECLARE(base)
HOP__LJ_DECLARE(avx2)
HOP__LJ_DECLARE(avx512)

#endif

/* Radial symmetry functions: how densely an atom is surrounded.
 *
 *   G_k(i) = sum_j (1 - d_ij^2 / R_k^2)^3   over d_ij < R_k,   k = 0, 1, 2
 *
 * and G_1 with each neighbour weighted by its size relative to the composition's mean, so
 * that elements enter as numbers.  After Behler and Parrinello, Phys. Rev. Lett. 98, 146401
 * (2007), with polynomials of compact support in place of Gaussians.  Lengths are in
 * nearest-neighbour distances. */
#ifndef HOP_LEARNING_SYMMETRY_H
#define HOP_LEARNING_SYMMETRY_H

#include "structure/neighbors.h"

#define HOP__SHELLS 3
#define HOP__SYMMETRIES (HOP__SHELLS + 1)
#define HOP__SHELL_RADII                                                               \
    { 1.5, 2.2, 3.0 }

typedef struct hop__symmetry {
    hop_context *context;
    size_t capacity;
    double *rows, *sums;       /* scaled positions; work space */
    hop_structure *periodic;   /* NULL: a cluster */
    hop__neighbors *neighbors; /* of `periodic` */
} hop__symmetry;

/* `start`: the structure whose atoms they are, NULL for clusters only. */
int hop__symmetry_new(hop_context *context, size_t capacity, const hop_structure *start,
                      hop__symmetry **out);
void hop__symmetry_free(hop__symmetry *symmetry);

/* x (3n, angstrom) -> out[HOP__SYMMETRIES][stride], scaled to about -1 to 1.  `size`: each
   atom's over the mean, minus one.  Zero where the neighbours cannot be found. */
void hop__symmetry_forward(hop__symmetry *symmetry, size_t count, size_t stride,
                           double length, const double *x, const double *size,
                           double *out);

/* Clusters: given out_bar, add to x_bar (3n, per length). */
void hop__symmetry_backward(const hop__symmetry *symmetry, size_t count, size_t stride,
                            double length, const double *x, const double *size,
                            const double *out_bar, double *x_bar);

#endif

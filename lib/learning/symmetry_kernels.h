/* Radial symmetry functions of a cluster's atoms, one variant for each instruction set;
   the AVX2 and AVX-512 variants give the same bits. */
#ifndef HOP_LEARNING_SYMMETRY_KERNELS_H
#define HOP_LEARNING_SYMMETRY_KERNELS_H

#include "learning/symmetry.h"

/* x, y, z: stride each, the padding far away; sums[HOP__SHELLS + 1][stride] over all atoms,
   each atom itself among them. */
#define HOP__SYMMETRY_DECLARE(suffix)                                                  \
    void hop__symmetry_sums_##suffix(size_t count, size_t stride, const double *x,     \
                                     const double *y, const double *z,                 \
                                     const double *size, double *sums);
HOP__SYMMETRY_DECLARE(base)
HOP__SYMMETRY_DECLARE(avx2)
HOP__SYMMETRY_DECLARE(avx512)

#endif

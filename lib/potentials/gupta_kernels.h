/* All-pairs Gupta kernels for clusters without cut-off, one variant for each instruction
   set.  Arrays over atoms are padded to `stride`, a multiple of 8, with far-away atoms. */
#ifndef HOP_POTENTIALS_GUPTA_KERNELS_H
#define HOP_POTENTIALS_GUPTA_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Below this rho an atom is alone; 1/rho^(3/2) is still finite. */
#define HOP__GUPTA_ALONE 1e-200

typedef struct hop__gupta_cluster {
    size_t count, stride;
    const int32_t *species;                   /* count */
    const double *x[3];                       /* stride each */
    const double *v[3];                       /* direction, Hessian products only */
    /* [species of j][i]: repulsion exp(cr - br r), squared hopping exp(ch - bh r) */
    const double *cr, *br, *ch, *bh;
    double *repulsion, *density, *root;       /* stride: sum of A.., rho, 1/sqrt(rho) */
    double *density_dot, *root_dot;           /* stride: along v */
    double *force[3];                         /* stride each */
    double *rep, *hop, *inverse, *slope;      /* count * stride each: per ordered pair */
} hop__gupta_cluster;

#define HOP__GUPTA_DECLARE(suffix)                                                       \
    void hop__gupta_forces_##suffix(const hop__gupta_cluster *c);                        \
    void hop__gupta_hessian_##suffix(const hop__gupta_cluster *c);
HOP__GUPTA_DECLARE(base)
HOP__GUPTA_DECLARE(avx2)
HOP__GUPTA_DECLARE(avx512)

#endif

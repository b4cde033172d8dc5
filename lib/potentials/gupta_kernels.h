/* All-pairs Gupta kernels for clusters without cut-off, one variant for each
   instruction set; gupta_cluster.c lays out the memory. */
#ifndef HOP_POTENTIALS_GUPTA_KERNELS_H
#define HOP_POTENTIALS_GUPTA_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Below this rho an atom is alone; 1/rho^(3/2) is still finite. */
#define HOP__GUPTA_ALONE 1e-200

/* Rows of eight doubles for each block of eight slots. */
enum {
    HOP__GUPTA_X,
    HOP__GUPTA_Y,
    HOP__GUPTA_Z,
    HOP__GUPTA_ROOT, /* 1/sqrt(rho) */
    HOP__GUPTA_VX,
    HOP__GUPTA_VY,
    HOP__GUPTA_VZ,
    HOP__GUPTA_ROOT_DOT,
    HOP__GUPTA_ENERGY, /* repulsion, then the atom's energy */
    HOP__GUPTA_DENSITY,
    HOP__GUPTA_DENSITY_DOT,
    HOP__GUPTA_FX,
    HOP__GUPTA_FY,
    HOP__GUPTA_FZ,
    HOP__GUPTA_ROWS
};

/* Rows of eight doubles with what an exponential needs: repulsion 2^(CA - BA r),
   squared hopping 2^(CB - BB r), and their rates twice p/r0 and q/r0. */
enum {
    HOP__GUPTA_CA,
    HOP__GUPTA_BA,
    HOP__GUPTA_CB,
    HOP__GUPTA_BB,
    HOP__GUPTA_KA,
    HOP__GUPTA_KB,
    HOP__GUPTA_RATES
};

/* Atoms stand in slots: first quads, four atoms of one element each, then `lone` others.
   Slots from `count` on are not used. */
typedef struct hop__gupta_cluster {
    size_t count, blocks, quads, lone;
    const int32_t *order; /* [count]: the atom in each slot */
    bool scattered;       /* atoms of a quad do not follow one another */
    const int32_t *quad_element, *lone_element;
    double *block;  /* [blocks][HOP__GUPTA_ROWS][8] */
    double *turned; /* [quads, even][8][8]: the first eight rows, each quad twice */
    const double *rates; /* [element][blocks][HOP__GUPTA_RATES][8]: slot with element */
    const double *inside; /* [block of two quads][2][HOP__GUPTA_RATES][8]: slot with the
                             element of its own quad, of the other quad */
    double *terms;        /* 16 per vector of eight pairs, 32 for Hessian products */
    const double *x, *v;  /* 3 per atom; v and hv for Hessian products only */
    double *forces, *energies, *hv;
    double energy, virial[6];
} hop__gupta_cluster;

#define HOP__GUPTA_DECLARE(suffix)                                                     \
    void hop__gupta_forces_##suffix(hop__gupta_cluster *c);                            \
    void hop__gupta_hessian_##suffix(hop__gupta_cluster *c);
HOP__GUPTA_DECLARE(base)
HOP__GUPTA_DECLARE(avx2)
HOP__GUPTA_DECLARE(avx512)

#endif

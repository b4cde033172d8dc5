/* Gupta with cut-offs: what energies and Hessian-vector products share. */
#ifndef HOP_POTENTIALS_GUPTA_ROWS_H
#define HOP_POTENTIALS_GUPTA_ROWS_H

#include "potentials/gupta.h"
#include "structure/neighbors.h"

struct hop__gupta_rows {
    hop__neighbors *neighbors;
    size_t count, capacity;     /* atoms */
    int32_t *numbers, *species; /* of atoms, in the structure's order */
    int kinds;                  /* elements that are present */
    int32_t kind_of[HOP__MAX_SPECIES];
    double *rates; /* as in gupta_list_kernels.h */
    size_t rates_size;
    /* by place; made anew when `builds` is not the list's */
    size_t builds, place_capacity, kept_capacity, hessian_capacity;
    int32_t *elements, *kept, *near, *far;
    size_t *kept_at;
    double *places, *terms, *root, *pulls, *sums;
    double *hessian; /* six per entry of the list and four per atom */
};

/* Species, list and what depends on them alone. */
int hop__gupta_rows_prepare(hop_potential *potential, const hop_structure *s);

#endif

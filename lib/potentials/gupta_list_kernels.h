/* Gupta with cut-offs: rows of a neighbour list, one variant for each instruction set;
   gupta_list.c lays out the memory. */
#ifndef HOP_POTENTIALS_GUPTA_LIST_KERNELS_H
#define HOP_POTENTIALS_GUPTA_LIST_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "structure/neighbors.h"

/* What a pair of elements needs, below START: repulsion 2^(CA - BA r), squared hopping
   2^(CB - BB r), rates KA = 2 p/r0 and KB = q/r0; up to END: repulsion and hopping as t^3
   times a polynomial, t = r - END. */
enum {
    HOP__LIST_CA,
    HOP__LIST_BA,
    HOP__LIST_CB,
    HOP__LIST_BB,
    HOP__LIST_KA,
    HOP__LIST_KB,
    HOP__LIST_START, /* square */
    HOP__LIST_END,   /* square */
    HOP__LIST_LAST,  /* END */
    HOP__LIST_REPULSION,
    HOP__LIST_HOPPING = HOP__LIST_REPULSION + 3,
    HOP__LIST_RATES = HOP__LIST_HOPPING + 3
};

#define HOP__LIST_BLOCK 32 /* rows that are done together */
#define HOP__LIST_SUMS 8   /* of a block of rows: energy, virial */

typedef struct hop__gupta_list {
    const hop__neighbors *neighbors;
    const int32_t *elements; /* of atoms, by place */
    int kinds;               /* elements that are present */
    const double *rates;     /* [element of i][HOP__LIST_RATES][element of j] */
    double *places; /* the neighbours' positions: x y z and, in the second pass,
                       1/sqrt(rho), always negative for the second of two elements */
    double *moves;  /* Hessian products: direction and, second pass, change of that */

    /* Neighbours within reach in vectors of eight, each of one row: those below START of
       all rows of a block from room[block] on, the others from room[block] + half[block]
       on.  Blocks whose room is below `ring` have terms, and lose all to later blocks. */
    const size_t *room, *half;
    size_t ring;
    int32_t *kept; /* places */
    int32_t
        *vectors; /* by kept / 8: 16 times the row in its block, and how many count */
    int32_t *filled; /* 2 per block: vectors of each sort */
    double *squares; /* of each thread `widest`, for its block's kept */
    size_t widest;
    double *terms; /* 2 per entry below `ring`: A and B of the first pass */
    double *root;  /* 1/sqrt(rho), by place of an atom; for products also its change */
    double *sums;  /* [block][HOP__LIST_SUMS] */
    double *forces, *energies; /* by atom; products go to `forces` */
} hop__gupta_list;

/* The rows of atoms begin .. end-1, which are a block: find neighbours within reach, two
   passes for forces, two for Hessian products.  The filter leaves squares of distances in
   `squares`, the pass for forces that follows it takes them from there. */
typedef void hop__gupta_rows_pass(const hop__gupta_list *list, size_t begin, size_t end,
                                  size_t block, double *squares);

#define HOP__GUPTA_LIST_DECLARE(isa)                                                   \
    hop__gupta_rows_pass hop__gupta_list_filter_##isa, hop__gupta_list_first_##isa,    \
        hop__gupta_list_second_##isa, hop__gupta_product_first_##isa,                  \
        hop__gupta_product_second_##isa;
HOP__GUPTA_LIST_DECLARE(base)
HOP__GUPTA_LIST_DECLARE(avx2)
HOP__GUPTA_LIST_DECLARE(avx512)

#endif

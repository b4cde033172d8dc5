/* Gupta with cut-offs: rows of a neighbour list, one variant for each instruction set;
   gupta_list.c lays out the memory. */
#ifndef HOP_POTENTIALS_GUPTA_LIST_KERNELS_H
#define HOP_POTENTIALS_GUPTA_LIST_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* What a pair of elements needs, below START: repulsion 2^(CA - BA r), squared hopping
   2^(CB - BB r), rates KA = 2 p/r0 and KB = q/r0; up to END: repulsion, minus twice its
   slope, hopping and minus its slope as t^3 (or t^2) times a polynomial, t = r - END.
 */
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
    HOP__LIST_REPULSION_SLOPE = HOP__LIST_REPULSION + 3,
    HOP__LIST_HOPPING = HOP__LIST_REPULSION_SLOPE + 3,
    HOP__LIST_HOPPING_SLOPE = HOP__LIST_HOPPING + 3,
    HOP__LIST_RATES = HOP__LIST_HOPPING_SLOPE + 3
};

#define HOP__LIST_SUMS 8 /* of a block of rows: energy, virial */

typedef struct hop__gupta_list {
    const size_t *first; /* as in the neighbour list, by place */
    const int32_t *count, *index, *place;
    const int32_t *elements; /* of atoms, by place */
    int kinds;               /* elements that are present */
    const double *rates;     /* [element of i][HOP__LIST_RATES][element of j] */
    double *places;          /* x y z and: first pass the element, second 1/sqrt(rho) */
    /* neighbours within reach, by atom: `near` below START from kept_at[i] on,
       `far` others from half way to kept_at[i + 1] on; eight more are written after each */
    const size_t *kept_at;
    int32_t *kept, *near, *far;
    double *terms; /* -(eta^2)'/(2 r), in vectors of eight, from kept_at[i] / 2 on */
    double *root;  /* 1/sqrt(rho), by place of an atom */
    double *pulls; /* 4 per atom: force of the repulsion */
    double *sums;  /* [block of rows][HOP__LIST_SUMS], added to */
    double *forces, *energies;
} hop__gupta_list;

/* The rows of atoms begin .. end-1, whose sums are sums[block]. */
typedef void hop__gupta_rows_pass(const hop__gupta_list *list, size_t begin, size_t end,
                                  size_t block);

hop__gupta_rows_pass hop__gupta_list_first_base, hop__gupta_list_first_avx2,
    hop__gupta_list_first_avx512, hop__gupta_list_second_base,
    hop__gupta_list_second_avx2, hop__gupta_list_second_avx512;

#endif

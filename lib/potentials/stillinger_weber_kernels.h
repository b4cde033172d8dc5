/* Stillinger-Weber between atoms of one element, one variant for each instruction set.

   Atoms are taken in blocks of HOP__SW_BLOCK rows of the neighbour list.  For each block
   the list with skin is filtered to the neighbours within reach; atoms are then put into
   groups, one to a lane, those with about the same number of neighbours together.

   First all blocks go through hop__sw_moments, then all through hop__sw_forces; or, for
   Hessian products, hop__sw_dots and then hop__sw_product. */
#ifndef HOP_POTENTIALS_STILLINGER_WEBER_KERNELS_H
#define HOP_POTENTIALS_STILLINGER_WEBER_KERNELS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "structure/neighbors.h"

#define HOP__SW_BLOCK 256
#define HOP__SW_KEPT 7
#define HOP__SW_KINDS 12
#define HOP__SW_SPARE 8   /* slots that a kind may need more than it has rows */
#define HOP__SW_CHUNK 16  /* places that are called into the cache together */
#define HOP__SW_AHEAD 128 /* the count of a block's chunks, and room for the chunks */

/* Of the entry (element, element, element). */
typedef struct hop__sw_element {
    double reach; /* at which exp(t) and exp(gamma t) are below exp(-100), or less */
    double edge;  /* from there to the barrier; positive */
    double barrier, sigma, gamma, B, p, q;
    double pair;            /* A epsilon */
    double triplet, cosine; /* lambda epsilon, cos0 */
    double kappa;           /* lambda epsilon (1 - cos0)^2, of both centres */
    bool usual;             /* gamma = 1.2, p = 4, q = 0 */
} hop__sw_element;

/* Atoms of several elements, whose numbers here, kinds, count those that are present. */
typedef struct hop__sw_mix {
    int32_t kinds;
    const int32_t *kind; /* per place, images too */
    double away;         /* out of reach for all */
    double reach[HOP__SW_KINDS];
    double pair_reach[HOP__SW_KINDS * HOP__SW_KINDS]; /* the larger of both ways */
    /* per pair, kinds * centre + neighbour.  Where both ways have the same functions,
       `pairs` holds the terms of both; else each way's half of the pair term, and the
       terms of its own centre. */
    hop__sw_element pairs[HOP__SW_KINDS * HOP__SW_KINDS];
    bool same[HOP__SW_KINDS * HOP__SW_KINDS];
    double pair[HOP__SW_KINDS * HOP__SW_KINDS];  /* A epsilon of this way */
    double kappa[HOP__SW_KINDS * HOP__SW_KINDS]; /* of this centre */
    bool uneven; /* reaches differ, so that neighbours are looked at by pair */
    /* per triplet, kinds * pair + neighbour: lambda epsilon times 1, cos0, cos0^2 */
    double t[HOP__SW_KINDS * HOP__SW_KINDS * HOP__SW_KINDS];
    double v[HOP__SW_KINDS * HOP__SW_KINDS * HOP__SW_KINDS];
    double s[HOP__SW_KINDS * HOP__SW_KINDS * HOP__SW_KINDS];
} hop__sw_mix;

/* A sum of xx yy zz yz xz xy in whole numbers of 2^-10 and of 2^-46, so that no order of
   atoms or blocks changes it.  Right if `largest`, of any atom, is below 2^41. */
typedef struct hop__sw_virial {
    uint64_t high[6], low[6]; /* as two's complement */
    double largest;
} hop__sw_virial;

typedef struct hop__sw_system {
    hop__sw_element element;
    const hop__sw_mix *mix; /* NULL: all atoms are of `element` */
    size_t places, slots;   /* mix only: of one kind's moments, of one kind's counts */
    int32_t *sizes;         /* mix only, per block: how many rows of each kind */
    const hop__neighbors *list;
    const int32_t
        *ahead; /* HOP__SW_AHEAD per block, or NULL: stillinger_weber_ahead.c */
    /* per block: what filtering found, of HOP__SW_BLOCK rows each */
    int32_t *rows;    /* rows by group and lane */
    int32_t *counts;  /* neighbours of each */
    size_t *begins;   /* per block: where its entries begin */
    int32_t *entries; /* places, per group and neighbour one for each lane */
    double *kept;     /* HOP__SW_KEPT per entry, from one pass for the next; or NULL,
                                then the next computes them again */
    size_t entry_capacity;
    atomic_size_t entries_used; /* beyond the capacity when it was too small */
    /* per place of an atom: sums over its neighbours */
    double *moments;      /* 8: xx yy zz yz xz xy of T, x y of V */
    double *moment_pairs; /* 2: z of V, S */
    /* the same of the change along a direction; Hessian products only */
    const double *direction; /* 4 per place, images too; NULL for forces */
    double *dots, *dot_pairs;
    /* per atom of the structure */
    double *energies;        /* may be NULL */
    hop__sw_virial *virials; /* per block, of virial times a power of two */
    double virial_scale;
    double *forces; /* 3 each; the product for Hessian products */
} hop__sw_system;

/* `scratch` holds (HOP__SW_BLOCK * kinds + 1) * (longest row + 32) numbers. */
typedef void hop__sw_moments_kernel(hop__sw_system *system, size_t block,
                                    int32_t *scratch);
typedef void hop__sw_forces_kernel(const hop__sw_system *system, size_t block);

hop__sw_moments_kernel hop__sw_moments_base, hop__sw_moments_avx2,
    hop__sw_moments_avx512;
hop__sw_forces_kernel hop__sw_forces_base, hop__sw_forces_avx2, hop__sw_forces_avx512;

hop__sw_forces_kernel hop__sw_dots_base, hop__sw_dots_avx2, hop__sw_dots_avx512;
hop__sw_forces_kernel hop__sw_product_base, hop__sw_product_avx2,
    hop__sw_product_avx512;

/* The same for atoms of several elements. */
hop__sw_moments_kernel hop__sw_mixed_moments_base, hop__sw_mixed_moments_avx2,
    hop__sw_mixed_moments_avx512;
hop__sw_forces_kernel hop__sw_mixed_forces_base, hop__sw_mixed_forces_avx2,
    hop__sw_mixed_forces_avx512;
hop__sw_forces_kernel hop__sw_mixed_dots_base, hop__sw_mixed_dots_avx2,
    hop__sw_mixed_dots_avx512;
hop__sw_forces_kernel hop__sw_mixed_product_base, hop__sw_mixed_product_avx2,
    hop__sw_mixed_product_avx512;

#endif

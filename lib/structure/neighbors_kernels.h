/* The search of a neighbour list, one variant for each instruction set, all with the
   same result. */
#ifndef HOP_STRUCTURE_NEIGHBORS_KERNELS_H
#define HOP_STRUCTURE_NEIGHBORS_KERNELS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOP__SLACK 32 /* entries that may be read after an array */

/* Atoms and images sorted by bin, those of one bin one after the other. */
typedef struct hop__neighbor_search {
    const double *x, *y, *z; /* per slot */
    const double *positions; /* 4 per place */
    const int32_t *order;    /* per slot: what rows are sorted by */
    const int32_t *place;    /* per slot */
    const int32_t *start;    /* per bin, and one more: its first slot */
    int32_t bins[3], span;   /* neighbours are 1, 1 and `span` bins away at most */
    double reach;
    const int32_t *slot; /* per row: its atom's slot */
    const int32_t *bin;  /* per row: its atom's bin */
    /* results */
    size_t *first;
    int32_t *count;
    int32_t *index;
    size_t capacity;       /* of index */
    atomic_size_t used;    /* of index; goes beyond `capacity` when it is too small */
    atomic_size_t longest; /* row */
    atomic_size_t most;    /* around a bin; goes beyond `work` when that is too small */
    size_t work;           /* capacity of one work array */
} hop__neighbor_search;

/* Bins are numbered column by column along the last direction, columns in strips of this
   width: places of near numbers are near in space, and so in memory. */
#define HOP__STRIP 4

static inline int32_t hop__neighbor_column(const int32_t bins[3], int32_t x,
                                           int32_t y) {
    int32_t first = x / HOP__STRIP * HOP__STRIP;
    int32_t width = bins[0] - first < HOP__STRIP ? bins[0] - first : HOP__STRIP;
    return first * bins[1] + y * width + x - first;
}

/* Rows begin .. end-1; `scratch` holds HOP__WORK_ARRAYS * (work + HOP__SLACK) numbers. */
#define HOP__WORK_ARRAYS 9
typedef void hop__neighbor_rows(hop__neighbor_search *search, size_t begin, size_t end,
                                int32_t *scratch);

/* Positions that follow the structure's. */
typedef struct hop__neighbor_places {
    const double *x; /* the structure's, `atoms` of them */
    size_t atoms;
    double magic;        /* x + magic - magic is on the grid */
    const double *shift; /* 4 per place, as all below */
    const double *built;
    const int32_t *atom, *home; /* per place */
    double *positions;
    float *rough;
} hop__neighbor_places;

/* Places begin .. end-1 of atoms; whether all are nearer to `built` than the square root
   of `limit`. */
typedef bool hop__neighbor_follow(const hop__neighbor_places *places, size_t begin,
                                  size_t end, double limit);
/* Places begin .. end-1 of other images, which have the shift of their home and theirs. */
typedef void hop__neighbor_repeat(const hop__neighbor_places *places, size_t begin,
                                  size_t end);

hop__neighbor_follow hop__neighbor_follow_base, hop__neighbor_follow_avx2,
    hop__neighbor_follow_avx512;
hop__neighbor_repeat hop__neighbor_repeat_base, hop__neighbor_repeat_avx2,
    hop__neighbor_repeat_avx512;
hop__neighbor_rows hop__neighbor_rows_base, hop__neighbor_rows_avx2,
    hop__neighbor_rows_avx512;

#endif

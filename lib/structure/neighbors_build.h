/* Inside of the neighbour list: how atoms and images are placed (neighbors_images.c)
   for the search (neighbors_kernels.c). */
#ifndef HOP_STRUCTURE_NEIGHBORS_BUILD_H
#define HOP_STRUCTURE_NEIGHBORS_BUILD_H

#include "structure/neighbors.h"
#include "structure/neighbors_kernels.h"

/* Memory that only grows; entries after the reserved ones are there to be read. */
typedef struct hop__buffer {
    void *data;
    size_t capacity;
} hop__buffer;

typedef struct hop__neighbor_build {
    hop__neighbors list;
    /* what the list was built from */
    double cell[9], cutoff, skin;
    int32_t periodic[3];
    bool valid;
    /* the cell, completed by unit vectors where it is not periodic */
    double rows[9], inverse[9], heights[3], reach;
    double magic; /* x + magic - magic rounds to the grid; 0 when nothing is periodic */
    double row_grid[9];
    double limit;     /* largest coordinate that is told apart from its neighbours */
    double margin[3]; /* reach in fractional coordinates */
    double lowest[3], scale[3]; /* of bins in fractional coordinates */
    hop__neighbor_search search;
    /* per atom */
    hop__buffer built; /* double[4], per place: as it was when the list was built */
    hop__buffer place, slot, row_bin, first, count;
    /* per place */
    hop__buffer positions, rough, shift, atom, home;
    double largest; /* coordinate of any place when the list was built */
    /* per slot, sorted by bin */
    hop__buffer x, y, z, order, slot_place;
    hop__buffer start, index, scratch, stretches;
    size_t workers; /* that share `scratch` */
    /* in the memory of `index`, for as long as there are no rows yet */
    double *wrapped; /* 3 per atom: inside the cell along periodic directions */
    int32_t *owner, *turns, *bin; /* per image in the order of (atom, image) */
} hop__neighbor_build;

/* Make room; contents are kept. */
int hop__buffer_reserve(hop_context *context, hop__buffer *buffer, size_t count,
                        size_t size);

/* Fill everything but rows: places, positions, shifts, bins, slots. */
int hop__neighbors_place(hop__neighbor_build *build, const hop_structure *structure);

#endif

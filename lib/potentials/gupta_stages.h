/* Gupta with cut-offs: in which order the two passes go over the blocks of rows. */
#ifndef HOP_POTENTIALS_GUPTA_STAGES_H
#define HOP_POTENTIALS_GUPTA_STAGES_H

#include "structure/neighbors.h"

/* A stage is a number of blocks that follow one another.  After the first pass over a
   stage comes the second over all stages whose atoms have no neighbours in later ones. */
typedef struct hop__gupta_stages {
    size_t count, blocks; /* stages, blocks in all */
    size_t each;          /* blocks of a stage, but for the last */
    size_t *ready;  /* [count + 1]: where the list of each stage begins in `order` */
    int32_t *order; /* stages whose second pass comes after each stage's first */
    size_t *first_image;  /* [blocks + 1]: where the block's begin in `images` */
    int32_t *images;      /* places, of images of the block's atoms */
    size_t *room, *half;  /* [blocks]: as in gupta_list_kernels.h */
    size_t ring, entries; /* up to which room is shared, and in all */
    size_t capacity, block_capacity, image_capacity;
} hop__gupta_stages;

/* Room for a block's numbers, before the list tells how many entries each needs. */
int hop__gupta_stages_reserve(hop__gupta_stages *stages, hop_context *context,
                              size_t atoms);

/* After a new list, when half[] is known: stages of `each` blocks.  `keep` stages share the
   ring; those that have to wait for longer have room of their own. */
int hop__gupta_stages_make(hop__gupta_stages *stages, const hop__neighbors *list,
                           size_t each, size_t keep);
void hop__gupta_stages_free(hop_context *context, hop__gupta_stages *stages);

#endif

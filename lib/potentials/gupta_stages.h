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
    size_t *first_image; /* [blocks + 1]: where the block's begin in `images` */
    int32_t *images;     /* places, of images of the block's atoms */
    size_t
        *terms_at; /* [blocks]: where the block's terms are, HOP__NO_TERMS: nowhere */
    size_t terms;  /* room for terms of all, in entries */
    size_t capacity, block_capacity, image_capacity;
} hop__gupta_stages;

#define HOP__NO_TERMS SIZE_MAX

/* After a new list: stages of `each` blocks of rows, `room` as in gupta_list_kernels.h.
   The terms of `keep` stages are there at a time; those of a stage that has to wait for
   longer are nowhere. */
int hop__gupta_stages_make(hop__gupta_stages *stages, const hop__neighbors *list,
                           size_t each, size_t keep, const size_t *room);
void hop__gupta_stages_free(hop_context *context, hop__gupta_stages *stages);

#endif

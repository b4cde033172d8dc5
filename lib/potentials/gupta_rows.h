/* Gupta with cut-offs: the rows of a neighbour list and the memory that the kernels work on,
   kept from call to call. */
#ifndef HOP_POTENTIALS_GUPTA_ROWS_H
#define HOP_POTENTIALS_GUPTA_ROWS_H

#include "potentials/gupta.h"
#include "potentials/gupta_list_kernels.h"
#include "potentials/gupta_stages.h"

struct hop__gupta_rows {
    hop__neighbors *neighbors;
    hop__gupta_list list;   /* what points to the arrays below and to the neighbours */
    size_t count, capacity; /* atoms */
    hop__gupta_stages stages;
    size_t together;                  /* atoms: larger systems are done in stages */
    size_t stage_blocks, kept_stages; /* of those, as in gupta_stages.h */
    int32_t *numbers, *species;       /* of atoms, in the structure's order */
    int kinds;                        /* elements that are present */
    int32_t kind_of[HOP__MAX_SPECIES];
    double *rates; /* as in gupta_list_kernels.h */
    size_t rates_size;
    size_t builds; /* of the list that what follows belongs to */
    size_t move_capacity, kept_capacity, terms_capacity, mark_capacity;
    size_t square_capacity, widest; /* room of a block */
    int32_t *elements, *kept, *vectors, *filled;
    double *moves, *root, *sums, *squares, *terms, *marks;
};

/* How many threads share the rows of so many atoms. */
size_t hop__gupta_rows_workers(const hop_context *context, size_t atoms);

/* Species, list and what depends on them alone; `list` is ready for the kernels but for the
   places' numbers and the results. */
int hop__gupta_rows_prepare(hop_potential *potential, const hop_structure *s,
                            bool product);

#endif

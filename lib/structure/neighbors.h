/* Neighbours within a cut-off, all periodic images included: cells smaller than the
   cut-off, triclinic and left-handed cells, mixed periodicity, atoms outside the cell. */
#ifndef HOP_STRUCTURE_NEIGHBORS_H
#define HOP_STRUCTURE_NEIGHBORS_H

#include "structure/structure.h"

/* Full list: each pair stands under both atoms; an atom's own images stand under it. */
typedef struct hop__neighbors {
    hop_context *context;
    size_t atoms;
    size_t *first;   /* atoms + 1: neighbours of i are entries first[i] .. first[i+1]-1,
                        sorted by (index, shift) */
    int32_t *index;  /* the neighbouring atom j */
    double *shift;   /* 3 per entry: the neighbour sits at x_j + shift */
    /* private to neighbors.c below: what the list was built from, capacities, bins */
    void *state;
} hop__neighbors;

int hop__neighbors_new(hop_context *context, hop__neighbors **out);
void hop__neighbors_free(hop__neighbors *neighbors);

/* Make the list hold every pair closer than `cutoff`; it may hold pairs up to
   `cutoff + skin` and is rebuilt only when an atom moved more than skin/2 or anything
   else changed.  skin 0 rebuilds always. */
int hop__neighbors_update(hop__neighbors *neighbors, const hop_structure *structure,
                          double cutoff, double skin);

#endif

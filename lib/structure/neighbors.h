/* Neighbours within a cut-off, all periodic images included: cells smaller than the
   cut-off, triclinic and left-handed cells, mixed periodicity, atoms outside the cell.

   The list works on places: 0 .. atoms-1 are the structure's atoms, sorted so that near
   ones stand near each other; the rest are those of their periodic images that are
   within reach.  A row holds places, so that no shift is needed: the vector from atom i
   to a neighbour k is positions[4 k ..] - positions[4 i ..].

   What is computed from a list depends on the structure alone, not on the structures
   that were seen before, if it uses only pairs within the cut-off: rows are sorted by
   (atom, image), and in periodic directions positions are rounded to a grid (1e-15 of
   the cell) on which shifts by lattice vectors are exact. */
#ifndef HOP_STRUCTURE_NEIGHBORS_H
#define HOP_STRUCTURE_NEIGHBORS_H

#include "structure/structure.h"

typedef struct hop__neighbors {
    hop_context *context;
    size_t atoms, images;  /* places up to `atoms` are atoms, up to `images` images */
    double *positions;     /* 4 per place: x y z, as of the last update, and the mark
                                of the atom, which the consumer may overwrite */
    const float *rough;    /* the same, each within `rough_error`, for a first look */
    double rough_error;    /* infinite where `rough` is of no use */
    const int32_t *atom;   /* images: which of the structure's atoms stands there */
    const int32_t *home;   /* images: the place of that atom itself */
    const int32_t *place;  /* atoms: the place of each of the structure's atoms */
    const size_t *first;   /* atoms: the row of place i is index[first[i]] and on, */
    const int32_t *count;  /* atoms: this many, each pair under both of its atoms */
    const int32_t *index;  /* places; 32 more may be read after each row */
    size_t pairs, longest; /* entries in use; the longest row */
    size_t reserved;       /* first[i] + count[i] never exceeds it */
    size_t builds;         /* grows with each rebuild: places and rows have changed */
} hop__neighbors;

int hop__neighbors_new(hop_context *context, hop__neighbors **out);
void hop__neighbors_free(hop__neighbors *neighbors);

/* Bring `positions` up to date and make the list hold every pair closer than `cutoff`;
   it may hold pairs up to `cutoff + skin` and is rebuilt only when an atom moved more
   than skin/2 or anything else changed.  skin 0 rebuilds always.  HOP_ERROR_RANGE for
   more images than 4e6 and 26 for each atom, or atoms too far from a periodic cell to be
   told apart. */
int hop__neighbors_update(hop__neighbors *neighbors, const hop_structure *structure,
                          double cutoff, double skin);

/* From now on the fourth number of each place is that of its atom in `marks`, which has one
   for each place of an atom; every update writes it anew, every new list begins with 0. */
void hop__neighbors_mark(hop__neighbors *neighbors, const double *marks);

#endif

/* Who is around whom, periodic images included: for each atom its nearest neighbours
 * within a reach, nearest first.  For looking at minima now and then: no list is kept from
 * one structure to the next, nothing is allocated, nothing can fail. */
#ifndef HOP_STRUCTURE_VICINITY_H
#define HOP_STRUCTURE_VICINITY_H

#include "structure/structure.h"

#define HOP__VICINITY_MOST 64 /* neighbours of an atom; farther ones are left out */

typedef struct hop__neighbour {
    double d[3], distance; /* from the atom to this image of the neighbour */
    size_t atom;
} hop__neighbour;

typedef struct hop__vicinity {
    hop_context *context;
    size_t count;
    double reach, cell[9], inverse[9]; /* inverse: rows give fractional coordinates */
    bool periodic[3];
    int images[3];          /* shifts to be looked at beyond the nearest, each way */
    hop__neighbour *around; /* HOP__VICINITY_MOST for each atom */
    size_t *many;           /* how many of them there are */
} hop__vicinity;

/* `like`: count, cell (regular) and periodicity; lengths in angstrom. */
int hop__vicinity_new(hop_context *context, const hop_structure *like, double reach,
                      hop__vicinity **out);
void hop__vicinity_free(hop__vicinity *vicinity);

/* Look at the atoms at x (3n). */
void hop__vicinity_look(hop__vicinity *vicinity, const double *x);

static inline const hop__neighbour *hop__vicinity_of(const hop__vicinity *v, size_t i) {
    return v->around + HOP__VICINITY_MOST * i;
}

/* The vector from a to the image of b for which it is shortest; exact when that is within
   half the cell's smallest height. */
void hop__vicinity_between(const hop__vicinity *vicinity, const double a[3],
                           const double b[3], double d[3]);

/* Move to the image that is nearest to where the atom was; `place` may be anywhere. */
void hop__vicinity_wrap(const hop__vicinity *vicinity, const double near[3],
                        double place[3]);

#endif

/* Moves of a hopping search: from one accepted minimum to a new start.  Random vectors are
   drawn in `frame`, so that a rotated frame gives the rotated move. */
#ifndef HOP_OPTIMIZERS_MOVES_H
#define HOP_OPTIMIZERS_MOVES_H

#include "base/random.h"
#include "optimizers/settings.h"

typedef struct hop__moves {
    size_t count;
    const int32_t *numbers, *fixed, *periodic;
    const double *cell, *lengths; /* lengths: each atom's own, angstrom */
    double length, energy;        /* of the composition */
    double frame[9];
    hop__random random;
    double *scores;               /* work space, count */
} hop__moves;

/* A displacement uniform in a ball of `radius` (angstrom) for every free atom. */
void hop__move_shake(hop__moves *m, double radius, double *x);

/* Take a free atom, preferably one of high energy, to the surface, preferably where it has
   many neighbours.  `energies`: per atom, NaN unknown. */
void hop__move_relocate(hop__moves *m, const hop__settings *o, const double *energies,
                        double *x);

/* Are there free atoms of different elements? */
bool hop__moves_can_swap(const hop__moves *m);

/* Exchange two of them. */
void hop__move_swap(hop__moves *m, double *x);

/* A new random structure; fixed atoms stay. */
void hop__move_restart(hop__moves *m, double *x);

/* False when the atoms fall apart into groups farther than 1.6 lengths. */
bool hop__moves_connected(const hop__moves *m, const double *x);

#endif

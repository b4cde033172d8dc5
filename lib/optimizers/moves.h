/* The geometry of moves: from one structure to a new start.  Random vectors are drawn
   in `frame`, so that a rotated frame gives the rotated move. */
#ifndef HOP_OPTIMIZERS_MOVES_H
#define HOP_OPTIMIZERS_MOVES_H

#include <stdbool.h>

#include "base/random.h"

typedef struct hop__moves {
    size_t count;
    const int32_t *numbers, *fixed, *periodic;
    const double *cell, *lengths; /* lengths: each atom's own, angstrom */
    double length;                /* of the composition */
    double frame[9];
    hop__random random;
    double *scores; /* work space, 4 count */
} hop__moves;

/* A displacement uniform in a ball of `radius` (angstrom) for every free atom. */
void hop__move_shake(hop__moves *m, double radius, double *x);

/* The same for the atoms with chosen[i] not 0; sizes[i]: factors of the radius, NULL: 1. */
void hop__move_shake_atoms(hop__moves *m, double radius, const double *sizes,
                           const double *chosen, double *x);

/* Take atom i to `radius` (angstrom) from the centre, in a random direction. */
void hop__move_insert(hop__moves *m, double radius, size_t i, double *x);

/* Move pairs nearer than `share` of their contact distance apart to it, a few times: for
   each atom the earlier ones that were too near when its turn came. */
void hop__moves_apart(const hop__moves *m, double share, double *x);

/* Which free atoms lie beyond a random plane that has at least one atom on either side:
   chosen[i] is 1 or 0.  `unit` receives its normal. */
void hop__moves_part(hop__moves *m, const double *x, double *chosen, double unit[3]);

/* Turn the chosen atoms by a random angle about the axis `unit` through the centre. */
void hop__move_twist(hop__moves *m, const double *chosen, const double unit[3],
                     double *x);

/* Places on the surface for atom i: where it, coming from a random direction towards
   `centre`, touches the others. */
void hop__moves_sites(hop__moves *m, const double *x, size_t i, const double centre[3],
                      size_t count, double (*place)[3]);

/* A vector as it is in `frame`. */
void hop__moves_turn(const hop__moves *m, const double in[3], double out[3]);

/* Are there free atoms of different elements? */
bool hop__moves_can_swap(const hop__moves *m);

/* A new random structure; fixed atoms stay. */
void hop__move_restart(hop__moves *m, double *x);

/* False when the atoms fall apart into groups farther than 1.6 lengths. */
bool hop__moves_connected(const hop__moves *m, const double *x);

#endif

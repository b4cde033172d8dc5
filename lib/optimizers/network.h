/* The geometry of moves in periodic systems, where there is no surface: around a badly
 * bound atom, into the voids, and along the bonds of a network.  No energies are evaluated.
 *
 * Two atoms are bonded within 1.25 contact distances. */
#ifndef HOP_OPTIMIZERS_NETWORK_H
#define HOP_OPTIMIZERS_NETWORK_H

#include "optimizers/moves.h"
#include "structure/vicinity.h"

#define HOP__LINKS 12 /* bonds of an atom; longer ones are left out */
#define HOP__VOIDS 32 /* that are kept, the largest */

typedef struct hop__void {
    double place[3], radius; /* distance of the four nearest atoms */
} hop__void;

typedef struct hop__network {
    hop_context *context;
    hop__moves *moves;
    hop__vicinity *vicinity;
    size_t *link, *links; /* HOP__LINKS x count; count: how many */
    size_t *active;       /* count: work space */
    double *mark;         /* count: likewise */
    hop__void *hole;
    size_t holes, room;
    bool repeatable; /* none is fixed, and of each element there is an even number */
} hop__network;

/* `like`: a periodic structure.  `moves` must outlive it. */
int hop__network_new(hop_context *context, const hop_structure *like, hop__moves *moves,
                     hop__network **out);
void hop__network_free(hop__network *network);

/* Look at a minimum: the functions below refer to it. */
void hop__network_look(hop__network *network, const double *x);

/* Shake the free atoms within `range` (angstrom) of an atom: displacements uniform in a
   ball of `radius`. */
void hop__network_shake(hop__network *network, size_t atom, double range, double radius,
                        double *x);

/* Find the voids: points that are equally far from four atoms and farther from all others,
   the corners of the atoms' Voronoi cells; largest first, none nearer than half a length
   to a larger one.  Complete as far as half the vicinity's reach. */
void hop__network_voids(hop__network *network, const double *x);

/* Bonds a-c and b-d become b-c and a-d (Wooten, Winer and Weaire, Phys. Rev. Lett. 54
   (1985) 1392); a and b are bonded, c is drawn, d the one that
   is farthest from it.  The atoms are moved so that bonds
   and tetrahedral angles nearby are about as long and wide as they should be.  False, and
   nothing moved, where there are no such bonds. */
bool hop__network_transpose(hop__network *network, size_t a, size_t b, double *x);

/* Halves of the cell, along lattice vector `axis`, that begin with each atom: how much one
   would like to see them repeated, by the mean of their atoms' `energy` (low is good; NULL:
   all alike); -INFINITY where a half has not half of the atoms of each element or some are
   fixed. */
void hop__network_halves(hop__network *network, int axis, const double *x,
                         const double *energy, double bias, double *logits);

/* The rest of the cell becomes a copy of the half that begins with atom `first`, shifted by
   half a lattice vector along `axis`, and at random also along the others. */
void hop__network_repeat(hop__network *network, int axis, size_t first, double *x);

static inline bool hop__network_bonded(const hop__network *n, size_t a, size_t b) {
    for (size_t k = 0; k < n->links[a]; k++)
        if (n->link[HOP__LINKS * a + k] == b)
            return true;
    return false;
}

#endif

/* Random starting structures. */
#ifndef HOP_STRUCTURE_GENERATE_H
#define HOP_STRUCTURE_GENERATE_H

#include "base/random.h"
#include "structure/structure.h"

/* "Ag19Au19" -> atomic numbers, in the formula's order (hop__release them). */
int hop__formula_parse(hop_context *context, const char *formula, int32_t **numbers,
                       size_t *count);

/* Fill `positions` (3n) with a compact random cluster around the origin: uniform in a
   sphere of the atoms' own packed volume, |xi - xj| >= 0.7 (length[i] + length[j]) / 2
   (relaxed slowly, and the sphere grown, when it cannot be met).  Which site each atom
   takes is random. */
void hop__generate_cluster(hop__random *random, size_t count, const double *lengths,
                           double *positions);

/* The same in a periodic cell (rows are lattice vectors): uniform in the cell. */
void hop__generate_in_cell(hop__random *random, size_t count, const double *lengths,
                           const double cell[9], const int32_t periodic[3],
                           double *positions);

/* Whichever of the two the structure is; no atom stays where it is. */
void hop__generate_start(hop__random *random, hop_structure *structure,
                         const double *lengths);

#endif

/* A potential of the optimizer's own, to relax on before the first evaluation of a quench.
 *
 * Cohesive matter looks alike from afar: what overlaps has to move apart, what is loose comes
 * in.  So a start that is first relaxed on another potential of the same lengths is nearer to a
 * minimum of the real one.  The other one is of Gupta's form with p = 10.5 and q = 3, about the
 * mean of the fcc metals (Cleri and Rosato, Phys. Rev. B 48 (1993) 22), with the lengths and
 * binding energies of the real one's elements; nothing of it is charged. */
#ifndef HOP_OPTIMIZERS_PRIOR_H
#define HOP_OPTIMIZERS_PRIOR_H

#include "optimizers/descent.h"

typedef struct hop__prior hop__prior;

/* For the atoms of `system->start`, a cluster; `system` need not outlive the call. */
int hop__prior_new(hop_context *context, const hop__descent_system *system,
                   const hop__settings *settings, hop__prior **out);
void hop__prior_free(hop__prior *prior);

/* At most `most` steps of L-BFGS downhill from x (3n), in place. */
void hop__prior_relax(hop__prior *prior, double *x, size_t most);

#endif

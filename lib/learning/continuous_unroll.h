/* A window of an unrolled run of the continuous optimizer, recorded, and the exact gradient
 * of its loss with respect to the network's weights.
 *
 * Loss, with g_t = (E_t - E_ref) / (n e0) and q as in learning/unroll.h:
 *
 *   L = -1/2 log(1/T sum_{t=1..T} q(g_t)^-2)
 *
 * the logarithm of the energy above a reference, averaged so that the lowest counts most:
 * a smooth minimum over the window. */
#ifndef HOP_LEARNING_CONTINUOUS_UNROLL_H
#define HOP_LEARNING_CONTINUOUS_UNROLL_H

#include "learning/continuous.h"

typedef struct hop__continuous_unroll hop__continuous_unroll;

/* Room for `steps` steps of `capacity` atoms. */
int hop__continuous_unroll_new(hop_context *context, size_t capacity, size_t steps,
                               hop__continuous_unroll **out);
void hop__continuous_unroll_free(hop__continuous_unroll *w);

/* Make `steps` steps of the run from the structure's positions, which move on to the
   window's end.  *evaluations grows by the force calls. */
int hop__continuous_unroll_forward(hop__continuous_unroll *w, hop__continuous *run,
                                   const double *weights, hop_potential *potential,
                                   hop_structure *structure, size_t steps,
                                   int64_t *evaluations);

/* Loss of the window just made, and its gradient added to `gradient` (NULL: loss only). */
int hop__continuous_unroll_backward(hop__continuous_unroll *w,
                                    const hop__continuous *policy,
                                    const double *weights, hop_potential *potential,
                                    hop_structure *structure, double reference,
                                    double *loss, double *gradient,
                                    int64_t *evaluations);

#endif

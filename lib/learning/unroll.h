/* A window of an unrolled descent, recorded, and the exact gradient of its loss with
 * respect to the network's weights.
 *
 * Loss, with g_t = (E_t - E_ref) / (n e0):
 *
 *   L = 1/T sum_{t=1..T} log q(g_t),   q(g) = (g + sqrt(g^2 + 4 eta^2)) / 2
 *
 * the mean logarithm of the energy above a reference, eta = 1e-4.  What came before the
 * window is a constant (truncated backpropagation); inside it everything is
 * differentiated, the forces through Hessian-vector products. */
#ifndef HOP_LEARNING_UNROLL_H
#define HOP_LEARNING_UNROLL_H

#include "learning/policy.h"

typedef struct hop__unroll hop__unroll;

/* Room for `steps` steps of `capacity` atoms. */
int hop__unroll_new(hop_context *context, size_t capacity, size_t steps,
                    hop__unroll **out);
void hop__unroll_free(hop__unroll *w);

/* Make `steps` steps of the policy from the structure's positions, which move on to the
   window's end.  *evaluations grows by the force calls. */
int hop__unroll_forward(hop__unroll *w, hop__policy *policy, const double *weights,
                        hop_potential *potential, hop_structure *structure,
                        size_t steps, int64_t *evaluations);

/* Loss of the window just made, and its gradient added to `gradient` (NULL: loss only). */
int hop__unroll_backward(hop__unroll *w, const hop__policy *policy,
                         const double *weights, hop_potential *potential,
                         hop_structure *structure, double reference, double *loss,
                         double *gradient, int64_t *evaluations);

#endif

/* What the evolution strategies and the genetic algorithm share: a thread's workspace, and
   perturbations of the continuous network's weights. */
#ifndef HOP_LEARNING_EVOLUTION_H
#define HOP_LEARNING_EVOLUTION_H

#include "learning/rollouts.h"

/* One thread's. */
typedef struct hop__evolution_worker {
    hop_context *context;
    hop__rollouts rollouts;
    double *weights, *noise; /* trainer->count each */
} hop__evolution_worker;

int hop__evolution_create(hop_trainer *trainer, hop_context *context, void **out);
void hop__evolution_destroy(hop_trainer *trainer, void *opaque);

/* Standard deviation of weight k's perturbation: `sigma` in the read-out, `inner` times
   that before it. */
double hop__evolution_sigma(const hop_trainer *trainer, size_t k);

/* A perturbation of every weight, in its unit; noise[count]. */
void hop__evolution_draw(const hop_trainer *trainer, hop__random *random,
                         double *noise);

/* One run of `horizon` calls with the weights in training: its loss goes to loss and score.
   What a validation does. */
int hop__evolution_score(hop_trainer *trainer, hop__evolution_worker *worker,
                         size_t index);

size_t hop__evolution_window(const hop_trainer *trainer);

#define HOP__EVOLUTION_ROWS(sigma_)                                                    \
    HOP__TRAINING_ROW(horizon, "", INTEGER, 10, 1e9, 1000,                             \
                      "evaluations of a run, its relaxing not counted"),               \
        HOP__TRAINING_ROW(cap, "r0", REAL, 1e-3, 1, 0.0891,                            \
                          "step cap of the hand-made step"),                           \
        HOP__TRAINING_ROW(sigma, "", REAL, 1e-9, 1e3, sigma_,                          \
                          "perturbation of the read-out's weights"),                   \
        HOP__TRAINING_ROW(inner, "", REAL, 0, 1e3, 0.2,                                \
                          "that of the other weights, relative to it; 0 = they stay")

#endif

/* Runs of the continuous optimizer as episodes of a training: from a random cluster, so
   many force calls, and the lowest energy after relaxing. */
#ifndef HOP_LEARNING_ROLLOUTS_H
#define HOP_LEARNING_ROLLOUTS_H

#include "learning/continuous.h"
#include "learning/policy.h"
#include "learning/trainer.h"

/* One thread's, with one run at a time. */
typedef struct hop__rollouts {
    hop_context *context;
    hop_potential **potential; /* one for each task, as the next */
    hop_structure **structure; /* its positions are where the run stands */
    hop__continuous *run;
    hop__policy *polish;
    double *good, *start, *step, *here; /* 3n; good: last that could be evaluated */
    bool have_good;
    size_t task; /* of the run */
} hop__rollouts;

/* Also what a failure leaves is to be freed. */
int hop__rollouts_make(const hop_trainer *trainer, hop_context *context,
                       hop__rollouts *r);
void hop__rollouts_free(const hop_trainer *trainer, hop__rollouts *r);

/* Draw a start for task k; *base receives the energy of the minimum below it (eV). */
int hop__rollouts_draw(const hop_trainer *trainer, hop__rollouts *r, size_t task,
                       hop__random *random, double *base, int64_t *calls);

/* Begin a run from the start drawn last; `noise`: its random numbers. */
void hop__rollouts_begin(const hop_trainer *trainer, hop__rollouts *r,
                         hop__random noise);

/* Go on for so many force calls. */
int hop__rollouts_go(hop__rollouts *r, const double *weights, int64_t evaluations,
                     int64_t *calls);

/* The lowest point of the run, relaxed: its energy (eV).  The run stays where it is. */
int hop__rollouts_relax(hop__rollouts *r, const hop__task *task, double *energy,
                        int64_t *calls);

/* A whole run of `evaluations` from the start drawn last: its loss, the relaxed energy over
   `base` in binding energies. */
int hop__rollouts_loss(const hop_trainer *trainer, hop__rollouts *r,
                       const double *weights, hop__random noise, double base,
                       int64_t evaluations, double *loss, int64_t *calls);

/* The run as doubles, enough for `atoms` atoms. */
size_t hop__rollouts_state_size(size_t atoms);
void hop__rollouts_save(const hop__rollouts *r, double *state);
void hop__rollouts_restore(const hop_trainer *trainer, hop__rollouts *r, size_t task,
                           const double *state);

#endif

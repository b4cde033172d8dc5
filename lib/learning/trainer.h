/* Meta-training: what all methods share, and what a method provides.
 *
 * An update runs a batch of independent episodes, averages their gradients in the order
 * of the batch and steps Adam.  Each episode's random numbers are a stream of (seed,
 * update, episode): the result does not depend on threads. */
#ifndef HOP_LEARNING_TRAINER_H
#define HOP_LEARNING_TRAINER_H

#include "base/options.h"
#include "base/random.h"
#include "learning/model.h"
#include "learning/tasks.h"

typedef struct hop__training_options {
    /* every method */
    double updates, seed, batch, rate, rate_end, clip, validate, validations;
    double window; /* of backpropagation, in steps or hops */
    /* tbptt */
    double windows, cap;
    /* policy */
    double horizon, least_cost, entropy, foresight, trace, lambda;
    /* recall */
    double margin;
    /* esmc, nres, ga */
    double sigma, inner, pairs, reuse, starts;
} hop__training_options;

#define HOP__TRAINING_ROW(field, unit, type, low, high, initial, doc)                  \
    {                                                                                  \
#field, unit, HOP_OPTION_##type, low, high, initial, doc,                      \
            offsetof(hop__training_options, field)                                     \
    }
#define HOP__TRAINING_BASIC(updates_, batch_)                                          \
    HOP__TRAINING_ROW(updates, "", INTEGER, 1, 1e12, updates_, "meta-updates in all"), \
        HOP__TRAINING_ROW(seed, "", INTEGER, 0, 9007199254740992.0, 1,                 \
                          "seed of starts and noise"),                                 \
        HOP__TRAINING_ROW(batch, "", INTEGER, 1, 4096, batch_,                         \
                          "episodes in an update"),                                    \
        HOP__TRAINING_ROW(validate, "", INTEGER, 0, 1e12, 50,                          \
                          "updates between validations; 0 = none"),                    \
        HOP__TRAINING_ROW(validations, "", INTEGER, 1, 1e6, 48,                        \
                          "episodes of a validation")
#define HOP__TRAINING_COMMON(updates_, batch_, rate_, rate_end_)                       \
    HOP__TRAINING_BASIC(updates_, batch_),                                             \
        HOP__TRAINING_ROW(rate, "", REAL, 1e-12, 1, rate_,                             \
                          "Adam's step at the beginning"),                             \
        HOP__TRAINING_ROW(rate_end, "", REAL, 1e-12, 1, rate_end_, "and at the end"),  \
        HOP__TRAINING_ROW(                                                             \
            clip, "", REAL, 1e-9, 1e9, 1.0,                                            \
            "largest norm of the gradient; ten times that for an episode's")

#define HOP__TRAINER_MEMORY 1024 /* numbers that a method keeps from update to update */

typedef struct hop__training_method {
    const char *name;
    const hop__option_table *options;
    enum hop__part first, last; /* what is trained: parts first .. last - 1 */

    /* What one thread works with; `context` is its own.  What a failure left in *worker
       is to be destroyed, too. */
    int (*create)(hop_trainer *trainer, hop_context *context, void **worker);
    void (*destroy)(hop_trainer *trainer, void *worker);

    /* One episode of the batch: sets trainer->loss[index], its slice of the gradient
       (which is zero) and of the notes; counts in trainer->calls[index]. */
    int (*episode)(hop_trainer *trainer, void *worker, size_t index);

    /* After the batch, on one thread; may be NULL. */
    void (*finish)(hop_trainer *trainer);

    /* Steps or hops of the next update's windows. */
    size_t (*window)(const hop_trainer *trainer);

    /* Doubles that are kept from update to update, beside trainer->memory, and their first
       contents; NULL: none. */
    size_t (*keep_size)(const hop_trainer *trainer);
    void (*keep_begin)(hop_trainer *trainer);

    /* Instead of a step of Adam along the mean gradient; may be NULL. */
    void (*advance)(hop_trainer *trainer);
} hop__training_method;

extern const hop__training_method hop__tbptt_method, hop__policy_method,
    hop__abandon_method, hop__tbptt_continuous_method, hop__esmc_method,
    hop__nres_method, hop__ga_method, hop__recall_method;

typedef struct hop__training_worker {
    hop_trainer *trainer;
    hop_context *context;
    void *state;
    int status;
} hop__training_worker;

struct hop_trainer {
    hop_context *context;
    const hop__training_method *method;
    hop__tasks *tasks;
    hop__training_options options;
    hop_model *model;
    size_t offset, count;    /* the weights that are trained */
    double *moment, *square; /* Adam, count each */
    double *gradient;        /* batch x count */
    double *loss, *notes;    /* batch; batch x HOP__TRAINER_MEMORY */
    double *score;           /* batch: what a validation compares; low is good */
    int64_t *calls;          /* batch */
    double memory[HOP__TRAINER_MEMORY]; /* the method's own */
    double *keep;                       /* keep_count, NULL before the first update */
    size_t keep_count;
    int64_t update, evaluations;
    double last_loss, average, norm;
    bool validating; /* episodes are numbered from `validated` */
    size_t validated;
    double validation, best; /* last and lowest score; INFINITY: none yet */
    double *best_weights;    /* count */
    hop__training_worker *workers;
    size_t worker_count;
};

/* A trainer from the text of a task file; `name` is for messages. */
int hop__trainer_make(hop_context *context, const char *method, const char *name,
                      const char *text, size_t size, hop_trainer **out);

/* The options of a training method, NULL when unknown. */
const hop__option_table *hop__trainer_table(const char *method);

/* Doubles that the method keeps, given the options. */
size_t hop__trainer_keep_size(const hop_trainer *trainer);

/* The weights in training, trainer->count of them. */
double *hop__trainer_weights(const hop_trainer *trainer);

/* The random numbers of one episode. */
hop__random hop__trainer_random(const hop_trainer *trainer, size_t index);

/* A task by its weight; in a validation, one of those for it. */
size_t hop__trainer_choose(const hop_trainer *trainer, hop__random *random,
                           size_t index);

/* Share of the updates that are done. */
double hop__trainer_share(const hop_trainer *trainer);

/* A potential and a structure for each task, in a worker's context. */
int hop__trainer_systems(const hop_trainer *trainer, hop_context *context,
                         hop_potential ***potential, hop_structure ***structure);
void hop__trainer_systems_free(const hop_trainer *trainer, hop_context *context,
                               hop_potential **potential, hop_structure **structure);

#endif

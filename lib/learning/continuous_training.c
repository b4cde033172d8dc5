/* Truncated backpropagation through unrolled runs: teaches the continuous optimizer.
 *
 * An episode is one run from a random cluster, unrolled window after window; the windows'
 * gradients are added.  The reference of the loss is the energy that the same run comes to,
 * relaxed.  What can be taught so is the way down and how to behave near minima: which
 * minimum comes of it is a staircase, whose slope is zero. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "learning/continuous_unroll.h"
#include "learning/rollouts.h"

#define ROW HOP__TRAINING_ROW
static const hop__option rows[] = {
    HOP__TRAINING_COMMON(2000, 8, 3e-3, 3e-4),
    ROW(window, "", INTEGER, 1, 1000, 40,
        "longest window of backpropagation; shorter at first"),
    ROW(windows, "", INTEGER, 1, 100, 4, "windows in a run"),
    ROW(horizon, "", INTEGER, 10, 1e9, 1000, "evaluations of a run in validation"),
    ROW(cap, "r0", REAL, 1e-3, 1, 0.0891, "step cap of the hand-made step")};
static const hop__option_table table = {"tbptt-continuous", rows,
                                        sizeof rows / sizeof *rows};

/* What one thread works with. */
typedef struct worker {
    hop_context *context;
    hop__rollouts rollouts;
    hop__continuous_unroll *unroll;
} worker;

/* A quarter, a half, then all of the window. */
static size_t window_of(const hop_trainer *t) {
    double done = hop__trainer_share(t);
    double share = done < 0.1 ? 0.25 : done < 0.3 ? 0.5 : 1.0;
    double window = floor(share * t->options.window);
    return window < 1.0 ? 1 : (size_t)window;
}

/* The whole run without recording, relaxed. */
static int find_reference(hop_trainer *t, worker *w, hop__random noise, int64_t steps,
                          double *reference, int64_t *calls) {
    hop__rollouts *r = &w->rollouts;
    hop__rollouts_begin(t, r, noise);
    int status = hop__rollouts_go(r, hop__trainer_weights(t), steps, calls);
    if (status == HOP_OK)
        status = hop__rollouts_relax(r, &t->tasks->task[r->task], reference, calls);
    return status;
}

static int unroll(hop_trainer *t, worker *w, double reference, double *gradient,
                  double *loss, int64_t *calls) {
    const size_t windows = (size_t)t->options.windows, k = w->rollouts.task;
    const double *weights = hop__trainer_weights(t);
    hop_potential *potential = w->rollouts.potential[k];
    hop_structure *s = w->rollouts.structure[k];
    int status = HOP_OK;
    for (size_t v = 0; v < windows && status == HOP_OK; v++) {
        double part = 0.0;
        status = hop__continuous_unroll_forward(w->unroll, w->rollouts.run, weights,
                                                potential, s, window_of(t), calls);
        if (status == HOP_OK)
            status = hop__continuous_unroll_backward(w->unroll, w->rollouts.run,
                                                     weights, potential, s, reference,
                                                     &part, gradient, calls);
        *loss += part / (double)windows;
    }
    return status;
}

/* A validation looks at what is wanted: the relaxed energy that a whole run finds. */
static int validate(hop_trainer *t, worker *w, size_t index) {
    hop__random random = hop__trainer_random(t, index);
    const size_t k = hop__trainer_choose(t, &random, index);
    double base;
    int status =
        hop__rollouts_draw(t, &w->rollouts, k, &random, &base, &t->calls[index]);
    if (status == HOP_OK)
        status = hop__rollouts_loss(t, &w->rollouts, hop__trainer_weights(t), random,
                                    base, (int64_t)t->options.horizon, &t->score[index],
                                    &t->calls[index]);
    return status;
}

static int episode(hop_trainer *t, void *opaque, size_t index) {
    worker *w = opaque;
    if (t->validating)
        return validate(t, w, index);
    hop__random random = hop__trainer_random(t, index);
    const size_t k = hop__trainer_choose(t, &random, index);
    const int64_t steps = (int64_t)(window_of(t) * (size_t)t->options.windows);
    double *gradient = t->gradient + index * t->count, base, reference, loss = 0.0;
    int64_t *calls = &t->calls[index];
    int status = hop__rollouts_draw(t, &w->rollouts, k, &random, &base, calls);
    if (status == HOP_OK)
        status = find_reference(t, w, random, steps, &reference, calls);
    if (status == HOP_OK) {
        hop__rollouts_begin(t, &w->rollouts, random);
        status = unroll(t, w, reference, gradient, &loss, calls);
    }
    if (status == HOP_ERROR_NONFINITE) { /* a run that blew up teaches nothing */
        memset(gradient, 0, t->count * sizeof *gradient);
        status = HOP_OK;
    }
    t->loss[index] = t->score[index] = loss;
    return status;
}

/* ---- workers ---- */

static void destroy(hop_trainer *t, void *opaque) {
    worker *w = opaque;
    hop__rollouts_free(t, &w->rollouts);
    hop__continuous_unroll_free(w->unroll);
    hop__release(w->context, w);
}

static int create(hop_trainer *t, hop_context *context, void **out) {
    worker *w = hop__allocate(context, 1, sizeof *w);
    *out = w;
    if (!w)
        return HOP_ERROR_MEMORY;
    w->context = w->rollouts.context = context;
    int status = hop__rollouts_make(t, context, &w->rollouts);
    if (status == HOP_OK)
        status = hop__continuous_unroll_new(context, t->tasks->most_atoms,
                                            (size_t)t->options.window, &w->unroll);
    return status;
}

const hop__training_method hop__tbptt_continuous_method = {.name = "tbptt-continuous",
                                                           .options = &table,
                                                           .first = HOP__CONTINUOUS,
                                                           .last = HOP__CONTINUOUS + 1,
                                                           .create = create,
                                                           .destroy = destroy,
                                                           .episode = episode,
                                                           .window = window_of};

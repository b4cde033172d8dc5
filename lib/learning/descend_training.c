/* Truncated backpropagation through unrolled descents: teaches the descent skill.
 *
 * An episode is one descent, unrolled window after window; the windows' gradients are
 * added. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/trainer.h"
#include "learning/unroll.h"
#include "optimizers/hops.h"
#include "structure/generate.h"

#define ROW HOP__TRAINING_ROW
static const hop__option rows[] = {
    HOP__TRAINING_COMMON(4000, 16, 3e-3, 1e-4),
    ROW(window, "", INTEGER, 1, 1000, 32,
        "longest window of backpropagation; shorter at first"),
    ROW(windows, "", INTEGER, 1, 100, 3, "windows in a descent"),
    ROW(cap, "r0", REAL, 1e-3, 1, 0.1, "step cap of the hand-made optimizer")};
static const hop__option_table table = {"tbptt", rows, sizeof rows / sizeof *rows};

/* What one thread works with. */
typedef struct worker {
    hop_context *context;
    hop_potential **potential; /* one for each task */
    hop_structure **structure;
    hop__hops **hops;
    hop__settings settings;
    hop__policy *policy;
    hop__unroll *unroll;
    double *start, *step;
} worker;

/* Hand-made descent; *energy receives the lowest energy. */
static int quench(worker *w, const hop__task *task, size_t k, size_t steps,
                  double *energy, int64_t *calls) {
    hop_structure *s = w->structure[k];
    const double small = 1e-4 * task->units.stiffness * task->units.length;
    hop__policy_start(w->policy);
    *energy = INFINITY;
    for (size_t t = 0; t < steps; t++) {
        int status = hop_potential_evaluate(w->potential[k], s);
        ++*calls;
        if (status != HOP_OK)
            return status;
        *energy = fmin(*energy, *s->energy);
        if (hop__max_norm3(s->forces, s->count) < small)
            break;
        hop__policy_step(w->policy, NULL, *s->energy, s->forces, w->step, NULL);
        hop__add_scaled(s->positions, task->units.length, w->step, 3 * s->count);
    }
    return HOP_OK;
}

/* Half of the starts are random clusters, half are minima after a move of a search. */
static int make_start(worker *w, const hop__task *task, size_t k, hop__random *random,
                      int64_t *calls) {
    hop_structure *s = w->structure[k];
    hop__hops *h = w->hops[k];
    hop__generate_start(random, s, task->lengths);
    double kind = hop__random_uniform(random), energy;
    if (kind < 0.5)
        return HOP_OK;
    int status = quench(w, task, k, 150, &energy, calls);
    h->moves.random = *random;
    h->shake = 0.2 + 0.3 * hop__random_uniform(&h->moves.random);
    hop__hops_adopt(h, s->positions, energy, s->energies);
    hop__hops_move(h,
                   kind >= 0.75 && h->atoms.alloy ? HOP__MOVE_SWAP
                   : kind < 0.85                  ? HOP__MOVE_SHAKE
                                                  : HOP__MOVE_RELOCATE,
                   s->positions);
    *random = h->moves.random;
    return status;
}

/* The whole descent without recording, then a quench: the energy that it is heading to.
 */
static int find_reference(worker *w, const double *weights, const hop__task *task,
                          size_t k, size_t steps, double *reference, int64_t *calls) {
    hop_structure *s = w->structure[k];
    double lowest = INFINITY;
    hop__policy_start(w->policy);
    for (size_t t = 0; t < steps; t++) {
        int status = hop_potential_evaluate(w->potential[k], s);
        ++*calls;
        if (status != HOP_OK)
            return status;
        lowest = fmin(lowest, *s->energy);
        hop__policy_step(w->policy, weights, *s->energy, s->forces, w->step, NULL);
        hop__add_scaled(s->positions, task->units.length, w->step, 3 * s->count);
    }
    int status = quench(w, task, k, 200, reference, calls);
    *reference = fmin(*reference, lowest);
    return status;
}

/* A quarter, a half, then all of the window. */
static size_t window_of(const hop_trainer *t) {
    double done = hop__trainer_share(t);
    double share = done < 0.1 ? 0.25 : done < 0.3 ? 0.5 : 1.0;
    double window = floor(share * t->options.window);
    return window < 1.0 ? 1 : (size_t)window;
}

static int unroll(hop_trainer *t, worker *w, size_t k, double reference,
                  double *gradient, double *loss, int64_t *calls) {
    const size_t windows = (size_t)t->options.windows;
    const double *weights = hop__trainer_weights(t);
    double part;
    int status = HOP_OK;
    hop__policy_start(w->policy);
    for (size_t v = 0; v < windows && status == HOP_OK; v++) {
        status = hop__unroll_forward(w->unroll, w->policy, weights, w->potential[k],
                                     w->structure[k], window_of(t), calls);
        if (status == HOP_OK)
            status = hop__unroll_backward(w->unroll, w->policy, weights,
                                          w->potential[k], w->structure[k], reference,
                                          &part, gradient, calls);
        *loss += status == HOP_OK ? part / (double)windows : 0.0;
    }
    return status;
}

static int episode(hop_trainer *t, void *opaque, size_t index) {
    worker *w = opaque;
    hop__random random = hop__trainer_random(t, index);
    const size_t k = hop__trainer_choose(t, &random, index);
    const hop__task *task = &t->tasks->task[k];
    const size_t steps = window_of(t) * (size_t)t->options.windows;
    hop_structure *s = w->structure[k];
    double *gradient = t->gradient + index * t->count, reference = 0.0, loss = 0.0;
    int64_t *calls = &t->calls[index];
    hop__policy_system(w->policy, s->count, &task->units, task->lengths, task->energies,
                       t->options.cap);
    int status = make_start(w, task, k, &random, calls);
    memcpy(w->start, s->positions, 3 * s->count * sizeof *w->start);
    if (status == HOP_OK)
        status = find_reference(w, hop__trainer_weights(t), task, k, steps, &reference,
                                calls);
    memcpy(s->positions, w->start, 3 * s->count * sizeof *w->start);
    if (status == HOP_OK)
        status = unroll(t, w, k, reference, gradient, &loss, calls);
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
    for (size_t k = 0; w->hops && k < t->tasks->count; k++)
        hop__hops_free(w->hops[k]);
    hop__trainer_systems_free(t, w->context, w->potential, w->structure);
    hop__policy_free(w->policy);
    hop__unroll_free(w->unroll);
    hop__release(w->context, w->hops);
    hop__release(w->context, w->start);
    hop__release(w->context, w);
}

static int fill(hop_trainer *t, worker *w) {
    const size_t n = t->tasks->most_atoms;
    w->start = hop__allocate(w->context, 6 * n, sizeof *w->start);
    w->hops = hop__allocate(w->context, t->tasks->count, sizeof(hop__hops *));
    if (!w->start || !w->hops)
        return HOP_ERROR_MEMORY;
    w->step = w->start + 3 * n;
    w->settings = (hop__settings){.atom_bias = 4.0, .site_bias = 2.0};
    int status = hop__trainer_systems(t, w->context, &w->potential, &w->structure);
    for (size_t k = 0; k < t->tasks->count && status == HOP_OK; k++) {
        const hop__task *task = &t->tasks->task[k];
        status = hop__hops_new(w->context, w->structure[k], &task->units, task->lengths,
                               task->energies, &w->settings, &w->hops[k]);
        if (status == HOP_OK)
            w->hops[k]->uniform = true;
    }
    if (status == HOP_OK)
        status = hop__policy_new(w->context, n, &w->policy);
    if (status == HOP_OK)
        status = hop__unroll_new(w->context, n, (size_t)t->options.window, &w->unroll);
    return status;
}

static int create(hop_trainer *t, hop_context *context, void **out) {
    worker *w = hop__allocate(context, 1, sizeof *w);
    *out = w;
    if (!w)
        return HOP_ERROR_MEMORY;
    w->context = context;
    return fill(t, w);
}

const hop__training_method hop__tbptt_method = {.name = "tbptt",
                                                .options = &table,
                                                .first = HOP__DESCEND,
                                                .last = HOP__DESCEND + 1,
                                                .create = create,
                                                .destroy = destroy,
                                                .episode = episode,
                                                .window = window_of};

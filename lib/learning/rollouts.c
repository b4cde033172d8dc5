#include "learning/rollouts.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "structure/generate.h"

#define QUENCH 200  /* force calls of the quench of a start */
#define POLISH 60   /* of the relaxing of a lowest point */
#define REFUSALS 8  /* in a row that end a run */
#define SMALL 1e-4  /* k0 r0: largest force at a minimum */
#define SAFE 0.1    /* step cap of quenches, lengths */
#define LIMIT 1e100 /* of forces, as in search.c */

int hop__rollouts_make(const hop_trainer *t, hop_context *context, hop__rollouts *r) {
    const size_t n = t->tasks->most_atoms;
    r->context = context;
    r->good = hop__allocate(context, 12 * n, sizeof *r->good);
    if (!r->good)
        return HOP_ERROR_MEMORY;
    r->start = r->good + 3 * n;
    r->step = r->start + 3 * n;
    r->here = r->step + 3 * n;
    int status = hop__trainer_systems(t, context, &r->potential, &r->structure);
    if (status == HOP_OK)
        status = hop__continuous_new(context, n, NULL, &r->run);
    if (status == HOP_OK)
        status = hop__policy_new(context, n, &r->polish);
    return status;
}

void hop__rollouts_free(const hop_trainer *t, hop__rollouts *r) {
    hop__trainer_systems_free(t, r->context, r->potential, r->structure);
    hop__continuous_free(r->run);
    hop__policy_free(r->polish);
    hop__release(r->context, r->good);
}

/* ---- quenches ---- */

/* By the hand-made quasi-Newton descent, from the structure's positions, which move. */
static int quench(hop__rollouts *r, const hop__task *task, hop_structure *s,
                  hop_potential *potential, size_t most, double *energy,
                  int64_t *calls) {
    const double small = SMALL * task->units.stiffness * task->units.length;
    hop__policy_system(r->polish, s->count, &task->units, task->lengths, task->energies,
                       SAFE);
    for (size_t k = 0; k < most; k++) {
        int status = hop_potential_evaluate(potential, s);
        ++*calls;
        if (status == HOP_ERROR_NONFINITE)
            return HOP_OK;
        if (status != HOP_OK)
            return status;
        *energy = fmin(*energy, *s->energy);
        if (hop__max_norm3(s->forces, s->count) < small)
            break;
        hop__policy_step(r->polish, NULL, *s->energy, s->forces, r->step, NULL);
        hop__add_scaled(s->positions, task->units.length, r->step, 3 * s->count);
    }
    return HOP_OK;
}

int hop__rollouts_draw(const hop_trainer *t, hop__rollouts *r, size_t k,
                       hop__random *random, double *base, int64_t *calls) {
    const hop__task *task = &t->tasks->task[k];
    hop_structure *s = r->structure[k];
    r->task = k;
    hop__generate_start(random, s, task->lengths);
    memcpy(r->start, s->positions, 3 * s->count * sizeof *r->start);
    *base = INFINITY;
    return quench(r, task, s, r->potential[k], QUENCH, base, calls);
}

int hop__rollouts_relax(hop__rollouts *r, const hop__task *task, double *energy,
                        int64_t *calls) {
    hop_structure *s = r->structure[r->task];
    const size_t bytes = 3 * s->count * sizeof(double);
    *energy = r->run->best_energy;
    memcpy(r->here, s->positions, bytes);
    memcpy(s->positions, r->run->best, bytes);
    int status = quench(r, task, s, r->potential[r->task], POLISH, energy, calls);
    memcpy(s->positions, r->here, bytes);
    return status;
}

/* ---- runs ---- */

static void set_system(const hop_trainer *t, hop__rollouts *r) {
    const hop__task *task = &t->tasks->task[r->task];
    hop__continuous_system(r->run, task->count, &task->units, task->lengths,
                           task->energies, t->options.cap, t->options.horizon);
}

void hop__rollouts_begin(const hop_trainer *t, hop__rollouts *r, hop__random noise) {
    hop_structure *s = r->structure[r->task];
    set_system(t, r);
    hop__continuous_start(r->run, noise);
    memcpy(s->positions, r->start, 3 * s->count * sizeof *r->start);
    r->have_good = false;
}

static bool acceptable(const hop_structure *s, int status) {
    return status == HOP_OK && hop__max_norm3(s->forces, s->count) < LIMIT;
}

static void go_back(hop__rollouts *r, hop_structure *s) {
    for (size_t a = 0; a < 3 * s->count && r->have_good; a++)
        s->positions[a] = 0.5 * (s->positions[a] + r->good[a]);
}

static void advance(hop__rollouts *r, const double *weights, hop_structure *s) {
    hop__continuous *run = r->run;
    const size_t n = 3 * s->count;
    const double length = run->units.length;
    if (r->have_good) /* what was really moved, after refusals */
        for (size_t a = 0; a < n; a++)
            run->vector[HOP__C_LAST][a] = (s->positions[a] - r->good[a]) / length;
    memcpy(r->good, s->positions, n * sizeof *r->good);
    r->have_good = true;
    hop__continuous_step(run, weights, s->positions, *s->energy, s->forces, r->step,
                         NULL);
    for (size_t a = 0; a < n; a++)
        s->positions[a] = r->good[a] + length * r->step[a];
}

int hop__rollouts_go(hop__rollouts *r, const double *weights, int64_t evaluations,
                     int64_t *calls) {
    hop_structure *s = r->structure[r->task];
    int refusals = 0;
    for (int64_t k = 0; k < evaluations && refusals < REFUSALS; k++) {
        int status = hop_potential_evaluate(r->potential[r->task], s);
        ++*calls;
        if (status != HOP_OK && status != HOP_ERROR_NONFINITE)
            return status;
        bool good = acceptable(s, status);
        refusals = good ? 0 : refusals + 1;
        if (good)
            advance(r, weights, s);
        else
            go_back(r, s);
    }
    return HOP_OK;
}

int hop__rollouts_loss(const hop_trainer *t, hop__rollouts *r, const double *weights,
                       hop__random noise, double base, int64_t evaluations,
                       double *loss, int64_t *calls) {
    const hop__task *task = &t->tasks->task[r->task];
    double energy = INFINITY;
    hop__rollouts_begin(t, r, noise);
    int status = hop__rollouts_go(r, weights, evaluations, calls);
    if (status == HOP_OK && isfinite(r->run->best_energy))
        status = hop__rollouts_relax(r, task, &energy, calls);
    /* a run that never got anywhere is as bad as one that lost every bond */
    double worst = (double)task->count;
    *loss = fmin((energy - base) / task->units.energy, worst);
    return status;
}

/* ---- as doubles ---- */

size_t hop__rollouts_state_size(size_t atoms) {
    return 1 + 6 * atoms + hop__continuous_state_size(atoms);
}

void hop__rollouts_save(const hop__rollouts *r, double *state) {
    const hop_structure *s = r->structure[r->task];
    const size_t n = 3 * s->count;
    state[0] = r->have_good;
    memcpy(state + 1, s->positions, n * sizeof *state);
    memcpy(state + 1 + n, r->have_good ? r->good : s->positions, n * sizeof *state);
    hop__continuous_save(r->run, state + 1 + 2 * n);
}

void hop__rollouts_restore(const hop_trainer *t, hop__rollouts *r, size_t task,
                           const double *state) {
    hop_structure *s = r->structure[task];
    const size_t n = 3 * s->count;
    r->task = task;
    r->have_good = state[0] != 0.0;
    memcpy(s->positions, state + 1, n * sizeof *state);
    memcpy(r->good, state + 1 + n, n * sizeof *state);
    set_system(t, r);
    hop__continuous_restore(r->run, state + 1 + 2 * n);
}

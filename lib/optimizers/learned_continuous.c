/* The continuous optimizer: the policy of learning/continuous.h behind the descent
   interface.  Its run has no end of its own. */
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/continuous.h"
#include "learning/model.h"
#include "optimizers/descent.h"

#define NOISE 0x6e6f697365ULL /* stream of random numbers */

typedef struct state {
    hop__continuous *run;
    const hop__settings *settings;
    const double *weights, *frame;
    double length;
    double *x, *step; /* the point before, and the displacement from there */
    uint64_t starts;  /* since the run began */
} state;

static void destroy(hop_context *context, void *opaque) {
    state *s = opaque;
    if (!s)
        return;
    hop__continuous_free(s->run);
    hop__release(context, s->x);
    hop__release(context, s);
}

static int create(hop_context *context, const hop__descent_system *system,
                  const hop__settings *settings, void **out) {
    state *s = hop__allocate(context, 1, sizeof *s);
    if (!s)
        return HOP_ERROR_MEMORY;
    s->x = hop__allocate(context, 6 * system->rows.count, sizeof *s->x);
    int status =
        s->x ? hop__continuous_new(context, system->rows.count, system->start, &s->run)
             : HOP_ERROR_MEMORY;
    if (status != HOP_OK) {
        destroy(context, s);
        return status;
    }
    s->step = s->x + 3 * system->rows.count;
    s->settings = settings;
    s->frame = system->frame;
    s->length = system->units.length;
    s->weights =
        system->model ? hop__model_weights(system->model, HOP__CONTINUOUS) : NULL;
    hop__continuous_system(s->run, system->rows.count, &system->units, system->lengths,
                           system->energies, settings->max_step, 0.0);
    *out = s;
    return HOP_OK;
}

void hop__learned_continuous_seed(void *opaque) { ((state *)opaque)->starts = 0; }

static void start(void *opaque) {
    state *s = opaque;
    hop__continuous_start(
        s->run, hop__random_start((uint64_t)s->settings->seed, NOISE + s->starts++));
}

static void step(void *opaque, const double *x, double energy, const double *forces,
                 double *next) {
    state *s = opaque;
    hop__continuous *run = s->run;
    const size_t n = 3 * run->count;
    if (run->step > 0) /* what was really moved, after refusals and fixed atoms */
        for (size_t a = 0; a < n; a++)
            run->vector[HOP__C_LAST][a] = (x[a] - s->x[a]) / s->length;
    memcpy(run->frame, s->frame, sizeof run->frame);
    run->budget = s->settings->max_evaluations;
    run->loudness = s->settings->noise;
    run->attraction = s->settings->attraction;
    hop__continuous_step(run, s->weights, x, energy, forces, s->step, NULL);
    memcpy(s->x, x, n * sizeof *x);
    for (size_t a = 0; a < n; a++)
        next[a] = x[a] + s->length * s->step[a];
}

void hop__learned_continuous_record(void *opaque, hop__record *record) {
    state *s = opaque;
    hop__continuous_record_state(s->run, record);
    hop__record_part(record, s->x, 6 * s->run->count * sizeof *s->x);
    HOP__RECORD(record, s->starts);
}

const hop__descent_kind hop__learned_continuous_kind = {
    "learned-continuous", create, destroy, start, NULL, NULL, step};

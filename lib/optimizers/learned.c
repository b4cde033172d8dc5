/* The learned descent: the policy of learning/policy.h behind the descent interface. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/model.h"
#include "learning/policy.h"
#include "optimizers/descent.h"

#define PATIENCE 4 /* rises in a row after which the descent begins anew */
#define FAR 10.0 /* k0 r0: forces that no training has seen; the hand-made step then */

typedef struct state {
    hop__policy *policy;
    const double *weights;
    double length, energy, handover, far; /* forces: eV/angstrom */
    double *x, *step;
    int rises;
} state;

static void destroy(hop_context *context, void *opaque) {
    state *s = opaque;
    if (!s)
        return;
    hop__policy_free(s->policy);
    hop__release(context, s->x);
    hop__release(context, s);
}

static int create(hop_context *context, const hop__descent_system *system,
                  const hop__settings *settings, void **out) {
    state *s = hop__allocate(context, 1, sizeof *s);
    if (!s)
        return HOP_ERROR_MEMORY;
    s->x = hop__allocate(context, 6 * system->rows.count, sizeof *s->x);
    if (!s->x || hop__policy_new(context, system->rows.count, &s->policy) != HOP_OK) {
        destroy(context, s);
        return HOP_ERROR_MEMORY;
    }
    s->step = s->x + 3 * system->rows.count;
    s->length = system->units.length;
    s->handover = settings->handover * system->units.stiffness * s->length;
    s->far = FAR * system->units.stiffness * s->length;
    s->weights = system->model ? hop__model_weights(system->model, HOP__DESCEND) : NULL;
    hop__policy_system(s->policy, system->rows.count, &system->units, system->lengths,
                       system->energies, settings->max_step);
    *out = s;
    return HOP_OK;
}

static void start(void *opaque) {
    state *s = opaque;
    hop__policy_start(s->policy);
    s->rises = 0;
}

static void step(void *opaque, const double *x, double energy, const double *forces,
                 double *next) {
    state *s = opaque;
    const size_t n = 3 * s->policy->count;
    if (s->policy->step > 0) {
        /* what was really moved, after refused evaluations and fixed atoms */
        for (size_t a = 0; a < n; a++)
            s->policy->vector[HOP__LAST][a] = (x[a] - s->x[a]) / s->length;
        s->rises = energy > s->energy ? s->rises + 1 : 0;
        if (s->rises >= PATIENCE)
            start(s);
    }
    /* near a minimum the quasi-Newton step converges faster */
    const double fmax = hop__max_norm3(forces, s->policy->count);
    const bool by_hand = fmax < s->handover || fmax > s->far;
    hop__policy_step(s->policy, by_hand ? NULL : s->weights, energy, forces, s->step,
                     NULL);
    memcpy(s->x, x, n * sizeof *x);
    s->energy = energy;
    for (size_t a = 0; a < n; a++)
        next[a] = x[a] + s->length * s->step[a];
}

void hop__learned_record(void *opaque, hop__record *record) {
    state *s = opaque;
    hop__policy_record_state(s->policy, record);
    hop__record_part(record, s->x, 6 * s->policy->count * sizeof *s->x);
    HOP__RECORD(record, s->energy);
    HOP__RECORD_COUNT(record, s->rises);
}

const hop__descent_kind hop__learned_kind = {"learned", create, destroy, start,
                                             NULL,      NULL,   step};

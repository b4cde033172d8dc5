/* Supervised truncated backpropagation: teaches the abandon skill, to see early in a
 * quench that its minimum will not be accepted.
 *
 * An episode is a search of `horizon` evaluations in which no quench is ended early.
 * When a quench has ended, every step of it (the first `window`) is told where it led.
 */
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/searches.h"

#define ROW HOP__TRAINING_ROW
static const hop__option rows[] = {
    HOP__TRAINING_COMMON(600, 8, 4e-3, 4e-4),
    ROW(window, "", INTEGER, 1, 1000, 40, "steps of a quench that are backpropagated"),
    ROW(horizon, "", INTEGER, 100, 1e9, 4000, "evaluations of an episode")};
static const hop__option_table table = {"abandon", rows, sizeof rows / sizeof *rows};

typedef struct worker {
    hop_context *context;
    hop__searches searches;
    double *network, *y, *energy; /* records, outputs, eV: of each step of the quench */
    size_t steps;
    double *bar, *dh, *dx, *scratch, *block;
} worker;

static size_t record_size(void) { return hop__lstm_record_size(&hop__watch_shape, 1); }
static size_t output_size(void) { return HOP__WATCH_OUTPUTS * hop__lstm_stride(1); }

/* ---- a quench ---- */

static void keep_step(hop_trainer *t, worker *w, const hop_optimizer *o) {
    if (w->steps == (size_t)t->options.window)
        return;
    memcpy(w->network + w->steps * record_size(), o->watch->network,
           record_size() * sizeof(double));
    memcpy(w->y + w->steps * output_size(), o->watch->y,
           output_size() * sizeof(double));
    w->energy[w->steps++] = o->energy;
}

/* Backpropagate through the quench just ended; the sum of its losses. */
static double learn(hop_trainer *t, worker *w, const hop_optimizer *o, bool close,
                    double *gradient) {
    const size_t hidden = HOP__WATCH_HIDDEN * hop__lstm_stride(1);
    double loss = 0.0;
    memset(w->dh, 0, 2 * hidden * sizeof *w->dh);
    for (size_t k = w->steps; k-- > 0;) {
        double still = (w->energy[k] - o->energy) / o->units.energy;
        loss += hop__watch_loss(w->y + k * output_size(), close, still, w->bar);
        hop__lstm_backward(w->context->isa, &hop__watch_shape, hop__trainer_weights(t),
                           1, w->network + k * record_size(), w->bar, w->dh,
                           w->dh + hidden, w->dx, gradient, w->scratch);
    }
    return loss;
}

/* ---- an episode ---- */

typedef struct sums {
    double loss, steps;
} sums;

static void take_quench(hop_trainer *t, worker *w, const hop_optimizer *o,
                        double accepted, double *gradient, sums *sum) {
    const double close = accepted + HOP__WATCH_CLOSE * o->units.energy;
    if (w->steps > 0 && o->energy < w->energy[w->steps - 1]) {
        sum->steps += (double)w->steps;
        sum->loss += learn(t, w, o, o->energy < close, gradient);
    }
    w->steps = 0;
}

static int run(hop_trainer *t, worker *w, size_t k, double *gradient, sums *sum) {
    const hop_optimizer *o = w->searches.optimizer[k];
    int status;
    w->steps = 0;
    do {
        const int64_t quenches = o->quenches, looks = o->watch->looks;
        const double accepted = o->hops->accepted_energy;
        status = hop__searches_evaluate(t, &w->searches, k);
        if (o->quenches != quenches)
            take_quench(t, w, o, accepted, gradient, sum);
        else if (o->watch->looks != looks)
            keep_step(t, w, o);
    } while (status == HOP_OK);
    return status == HOP_END ? HOP_OK : status;
}

static int episode(hop_trainer *t, void *opaque, size_t index) {
    worker *w = opaque;
    double *gradient = t->gradient + index * t->count;
    sums sum = {0.0, 0.0};
    size_t k;
    int status = hop__searches_begin(t, &w->searches, index, &k);
    if (status != HOP_OK)
        return status;
    const hop_optimizer *o = w->searches.optimizer[k];
    hop__model_hop(t->model, o->hops->policy);
    o->watch->weights = hop__trainer_weights(t);
    status = run(t, w, k, gradient, &sum);
    t->calls[index] = o->evaluations;
    for (size_t a = 0; a < t->count && sum.steps > 0.0; a++)
        gradient[a] /= sum.steps;
    t->loss[index] = t->score[index] = sum.steps > 0.0 ? sum.loss / sum.steps : 0.0;
    return status;
}

static size_t window_of(const hop_trainer *t) { return (size_t)t->options.window; }

/* ---- workers ---- */

static void destroy(hop_trainer *t, void *opaque) {
    worker *w = opaque;
    hop__searches_free(t, &w->searches);
    hop__release(w->context, w->block);
    hop__release(w->context, w);
}

static int allocate(hop_trainer *t, worker *w) {
    const size_t window = (size_t)t->options.window, stride = hop__lstm_stride(1);
    const size_t hidden = 2 * HOP__WATCH_HIDDEN * stride,
                 inputs = HOP__WATCH_INPUTS * stride;
    w->block = hop__allocate(w->context,
                             window * (record_size() + output_size() + 1) +
                                 output_size() + hidden + inputs +
                                 hop__lstm_scratch_size(&hop__watch_shape, 1),
                             sizeof *w->block);
    if (!w->block)
        return HOP_ERROR_MEMORY;
    double *at = w->block;
    w->network = hop__cut(&at, window * record_size());
    w->y = hop__cut(&at, window * output_size());
    w->energy = hop__cut(&at, window);
    w->bar = hop__cut(&at, output_size());
    w->dh = hop__cut(&at, hidden);
    w->dx = hop__cut(&at, inputs);
    w->scratch = at;
    return HOP_OK;
}

static int create(hop_trainer *t, hop_context *context, void **out) {
    worker *w = hop__allocate(context, 1, sizeof *w);
    *out = w;
    if (!w)
        return HOP_ERROR_MEMORY;
    w->context = context;
    int status = allocate(t, w);
    if (status == HOP_OK)
        status = hop__searches_make(t, context, &w->searches);
    for (size_t k = 0; k < t->tasks->count && status == HOP_OK;
         k++) /* none ends early */
        status = hop_optimizer_set(w->searches.optimizer[k], "abandon_below", 0.0);
    return status;
}

const hop__training_method hop__abandon_method = {.name = "abandon",
                                                  .options = &table,
                                                  .first = HOP__ABANDON,
                                                  .last = HOP__ABANDON + 1,
                                                  .create = create,
                                                  .destroy = destroy,
                                                  .episode = episode,
                                                  .window = window_of};

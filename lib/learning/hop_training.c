/* Policy gradient: teaches the hop skill, which move to make from a minimum.
 *
 * An episode is a search of `horizon` evaluations.  Each hop is rewarded by what it
 * brought and charged for its evaluations:
 *
 *   advantage = reward - rate max(evaluations, least_cost)
 *
 * where rate is the running reward per evaluation of hops that stagnated as long: a hop
 * must be better than what its evaluations bring otherwise.  (One rate for all would
 * teach cheap moves that do nothing.)  The gradient is that of - sum advantage log
 * probability (REINFORCE; Williams, Machine Learning 8 (1992) 229), through the LSTM's
 * memory over windows of hops. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/searches.h"

#define ROW HOP__TRAINING_ROW
static const hop__option rows[] = {
    HOP__TRAINING_COMMON(600, 8, 4e-3, 4e-4),
    ROW(window, "", INTEGER, 1, 256, 8, "hops through which the memory is taught"),
    ROW(horizon, "", INTEGER, 100, 1e9, 4000, "evaluations of an episode"),
    ROW(least_cost, "", REAL, 0, 1e6, 8, "evaluations that a hop is charged at least"),
    ROW(entropy, "", REAL, 0, 1e3, 0,
        "reward for each nat of undecidedness about atoms")};
static const hop__option_table table = {"policy", rows, sizeof rows / sizeof *rows};

#define BUCKETS 7
#define RATES (2 * BUCKETS) /* single elements, alloys */
#define FADE 0.98           /* of the running rates, each update */
#define TRACE 2e-3          /* binding energies: a fall that counts */

/* Notes of an episode, and the trainer's memory. */
enum { REWARD = 0, CALLS = RATES, HOPS = 2 * RATES, BETTER, NOTES };
_Static_assert((int)NOTES <= HOP__TRAINER_MEMORY, "the notes fit");

typedef struct decision {
    double *network; /* record of the look */
    double *score;   /* [HOP__HOP_OUTPUTS][stride] */
    double *entropy; /* likewise */
    double *site;    /* of the perceptron's weights */
    double advantage;
} decision;

typedef struct worker {
    hop_context *context;
    hop__searches searches;
    decision *window;
    size_t decided; /* of the window */
    double *score, *entropy, *site_score, *dy, *dh, *dx, *scratch, *block;
} worker;

/* ---- the window ---- */

static void keep_decision(worker *w, const hop__hop_policy *p) {
    decision *d = &w->window[w->decided];
    memcpy(d->network, p->network,
           hop__lstm_record_size(&hop__hop_shape, p->atoms->count) * sizeof(double));
    const size_t outputs = HOP__HOP_OUTPUTS * p->atoms->stride * sizeof(double);
    memcpy(d->score, p->score, outputs);
    memcpy(d->entropy, p->entropy, outputs);
    memcpy(d->site, p->site_score, hop__model_size(HOP__SITE) * sizeof(double));
}

/* Add the gradient of the window's decisions and begin another. */
static void learn(hop_trainer *t, worker *w, const hop__hop_policy *p,
                  double *gradient) {
    const size_t stride = p->atoms->stride, hidden = HOP__HOP_HIDDEN * stride;
    double *site = gradient + hop__model_size(HOP__HOP);
    memset(w->dh, 0, 2 * hidden * sizeof *w->dh);
    while (w->decided > 0) {
        const decision *d = &w->window[--w->decided];
        for (size_t k = 0; k < HOP__HOP_OUTPUTS * stride; k++)
            w->dy[k] = -d->advantage * d->score[k] - t->options.entropy * d->entropy[k];
        hop__lstm_backward(w->context->isa, &hop__hop_shape, hop__trainer_weights(t),
                           p->atoms->count, d->network, w->dy, w->dh, w->dh + hidden,
                           w->dx, gradient, w->scratch);
        hop__add_scaled(site, -d->advantage, d->site, hop__model_size(HOP__SITE));
    }
}

/* ---- the reward ---- */

static size_t bucket_of(const hop__hops *h) {
    static const int64_t limit[BUCKETS - 1] = {2, 5, 12, 25, 50, 100};
    size_t k = 0;
    while (k < BUCKETS - 1 && h->since_best >= limit[k])
        k++;
    return k + (h->atoms.alloy ? BUCKETS : 0);
}

/* Where the search stood when a move was proposed. */
typedef struct before {
    bool pending; /* the move was the policy's */
    size_t bucket;
    int64_t evaluations;
    double accepted, lowest; /* eV; lowest accepted so far */
} before;

static double reward_of(const before *b, const hop__hops *h) {
    const double unit = h->atoms.units.energy,
                 fall = (b->accepted - h->accepted_energy) / unit;
    double reward = fabs(fall) > 1e-6 ? 0.05 : 0.0;
    if (fall > TRACE)
        reward += 0.4 + fmin(1.0, fall / 0.1);
    if (h->accepted_energy < b->lowest - TRACE * unit)
        reward += 0.6;
    return reward;
}

static void reward(hop_trainer *t, worker *w, const hop_optimizer *o, const before *b,
                   double *notes) {
    double calls =
        fmax((double)(o->evaluations - b->evaluations), t->options.least_cost);
    double value = reward_of(b, o->hops);
    double rate = t->memory[CALLS + b->bucket] > 0.0
                      ? t->memory[REWARD + b->bucket] / t->memory[CALLS + b->bucket]
                      : 0.0;
    w->window[w->decided++].advantage = value - rate * calls;
    notes[REWARD + b->bucket] += value;
    notes[CALLS + b->bucket] += calls;
    notes[HOPS] += 1.0;
    notes[BETTER] += value > 0.3 ? 1.0 : 0.0;
}

/* ---- an episode ---- */

static void look(before *b, const hop_optimizer *o) {
    const hop__hops *h = o->hops;
    b->pending = h->move < HOP__MOVE_KICK;
    b->bucket = bucket_of(h);
    b->evaluations = o->evaluations;
    b->accepted = h->accepted_energy;
    b->lowest = fmin(b->lowest, h->accepted_energy);
}

/* A quench has ended and another move was made. */
static void take_hop(hop_trainer *t, worker *w, hop_optimizer *o, before *b,
                     double *gradient, double *notes) {
    if (b->pending)
        reward(t, w, o, b, notes);
    if (w->decided == (size_t)t->options.window || o->hops->move == HOP__MOVE_KICK)
        learn(t, w, o->hops->policy, gradient);
    look(b, o);
    if (b->pending)
        keep_decision(w, o->hops->policy);
}

static int run(hop_trainer *t, worker *w, size_t k, double *gradient, double *notes) {
    hop_optimizer *o = w->searches.optimizer[k];
    before b = {.lowest = INFINITY};
    int64_t quenches = 0;
    int status;
    w->decided = 0;
    while ((status = hop__searches_evaluate(t, &w->searches, k)) == HOP_OK) {
        if (o->quenches == quenches)
            continue;
        quenches = o->quenches;
        take_hop(t, w, o, &b, gradient, notes);
    }
    learn(t, w, o->hops->policy, gradient);
    return status == HOP_END ? HOP_OK : status;
}

/* The networks in training, and where the scores of what they choose go. */
static void attach(const hop_trainer *t, worker *w, hop__hop_policy *p) {
    p->weights = hop__trainer_weights(t);
    p->site_weights = p->weights + hop__model_size(HOP__HOP);
    p->score = w->score;
    p->entropy = w->entropy;
    p->site_score = w->site_score;
}

static int episode(hop_trainer *t, void *opaque, size_t index) {
    worker *w = opaque;
    double *gradient = t->gradient + index * t->count;
    double *notes = t->notes + index * HOP__TRAINER_MEMORY;
    size_t k;
    int status = hop__searches_begin(t, &w->searches, index, &k);
    if (status != HOP_OK)
        return status;
    const hop_optimizer *o = w->searches.optimizer[k];
    attach(t, w, o->hops->policy);
    status = run(t, w, k, gradient, notes);
    t->calls[index] = o->evaluations;
    for (size_t a = 0; a < t->count && notes[HOPS] > 0.0; a++)
        gradient[a] /= notes[HOPS];
    t->loss[index] =
        notes[HOPS] > 0.0 ? -1e3 * notes[BETTER] / (double)o->evaluations : 0.0;
    t->score[index] = isfinite(o->best.energy) ? o->best.energy / o->units.energy : 0.0;
    return status;
}

/* The running rates, in the order of the batch. */
static void finish(hop_trainer *t) {
    for (size_t k = 0; k < 2 * RATES; k++)
        t->memory[k] *= FADE;
    for (size_t b = 0; b < (size_t)t->options.batch; b++)
        for (size_t k = 0; k < 2 * RATES; k++)
            t->memory[k] += t->notes[b * HOP__TRAINER_MEMORY + k];
}

static size_t window_of(const hop_trainer *t) { return (size_t)t->options.window; }

/* ---- workers ---- */

static void destroy(hop_trainer *t, void *opaque) {
    worker *w = opaque;
    hop__searches_free(t, &w->searches);
    hop__release(w->context, w->window);
    hop__release(w->context, w->block);
    hop__release(w->context, w);
}

static int allocate(hop_trainer *t, worker *w) {
    const size_t n = t->tasks->most_atoms, stride = hop__lstm_stride(n);
    const size_t record = hop__lstm_record_size(&hop__hop_shape, n);
    const size_t outputs = HOP__HOP_OUTPUTS * stride, site = hop__model_size(HOP__SITE);
    const size_t scratch = hop__lstm_scratch_size(&hop__hop_shape, n);
    const size_t window = (size_t)t->options.window;
    w->window = hop__allocate(w->context, window, sizeof *w->window);
    w->block =
        hop__allocate(w->context,
                      window * (record + 2 * outputs + site) + 3 * outputs + site +
                          (2 * HOP__HOP_HIDDEN + HOP__HOP_INPUTS) * stride + scratch,
                      sizeof *w->block);
    if (!w->window || !w->block)
        return HOP_ERROR_MEMORY;
    double *at = w->block;
    for (size_t k = 0; k < window; k++) {
        w->window[k].network = hop__cut(&at, record);
        w->window[k].score = hop__cut(&at, outputs);
        w->window[k].entropy = hop__cut(&at, outputs);
        w->window[k].site = hop__cut(&at, site);
    }
    w->score = hop__cut(&at, outputs);
    w->entropy = hop__cut(&at, outputs);
    w->dy = hop__cut(&at, outputs);
    w->site_score = hop__cut(&at, site);
    w->dh = hop__cut(&at, 2 * HOP__HOP_HIDDEN * stride);
    w->dx = hop__cut(&at, HOP__HOP_INPUTS * stride);
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
    return status == HOP_OK ? hop__searches_make(t, context, &w->searches) : status;
}

const hop__training_method hop__policy_method = {
    "policy", &table, HOP__HOP,  HOP__SITE + 1, create, destroy,
    episode,  finish, window_of, NULL,          NULL,   NULL};

/* Advantage actor-critic: teaches the hop skill, which move to make from a minimum.
 *
 * An episode is a search of `horizon` evaluations.  What counts is how near its lowest
 * minimum comes to the lowest that was ever seen of the system: a hop is rewarded with
 *
 *   ln (gap before / gap after),   gap = (lowest - lowest ever) / e0 + trace
 *
 * and what comes later counts less by exp(-evaluations / foresight).  Most rewards are
 * zero, and most hops that led to one were made long before; so a critic, a table of the
 * value of what a search looks like from afar (how near, how long without success, how
 * far above its lowest minimum it stands), says what was to be expected, and the
 * advantage of a hop is estimated by generalised advantage estimation (Schulman et al.,
 * arXiv 1506.02438).  The gradient of - sum advantage log probability goes back through
 * the LSTM's memory over windows of hops. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/searches.h"

#define ROW HOP__TRAINING_ROW
static const hop__option rows[] = {
    HOP__TRAINING_COMMON(600, 8, 4e-3, 4e-4),
    ROW(window, "", INTEGER, 1, 1024, 64, "hops through which the memory is taught"),
    ROW(horizon, "", INTEGER, 100, 1e9, 4000, "evaluations of an episode"),
    ROW(least_cost, "", REAL, 0, 1e6, 5, "evaluations that a hop is charged at least"),
    ROW(foresight, "", REAL, 1, 1e9, 500,
        "evaluations after which a reward counts less by a factor of e"),
    ROW(trace, "e0", REAL, 1e-9, 1, 5e-3, "what is added to gaps"),
    ROW(lambda, "", REAL, 0, 1, 0.95,
        "how much the advantage trusts what came later, not the critic"),
    ROW(entropy, "", REAL, 0, 1e3, 0,
        "reward for each nat of undecidedness about atoms")};
static const hop__option_table table = {"policy", rows, sizeof rows / sizeof *rows};

#define FADE 0.98 /* of the critic, each update */
#define SINCE 7
#define GAPS 8
#define HEIGHTS 3
#define VALUES (2 * SINCE * GAPS * HEIGHTS)
#define TASKS 128 /* whose lowest energies are remembered */

/* Notes of an episode, and the trainer's memory. */
enum {
    RETURN = 0,
    VISITS = VALUES,
    LOWEST = 2 * VALUES,
    SQUARES = LOWEST + TASKS,
    HOPS,
    BETTER,
    NOTES
};
_Static_assert((int)NOTES <= HOP__TRAINER_MEMORY, "the notes fit");

/* From one minimum to the next: a decision of the policy's, or a kick. */
typedef struct decision {
    bool taken;      /* by the policy; only then are there records */
    double *network; /* record of the look */
    double *score;   /* [HOP__HOP_OUTPUTS][stride] */
    double *entropy; /* likewise */
    double *site;    /* of the perceptron's weights */
    size_t look;     /* of the search before it */
    double reward, evaluations, advantage;
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

/* ---- the critic ---- */

static double value(const hop_trainer *t, size_t look) {
    double visits = t->memory[VISITS + look];
    return visits > 0.0 ? t->memory[RETURN + look] / visits : 0.0;
}

static size_t since_of(int64_t hops) {
    static const int64_t limit[SINCE - 1] = {2, 5, 12, 25, 50, 100};
    size_t k = 0;
    while (k < SINCE - 1 && hops >= limit[k])
        k++;
    return k;
}

/* What an episode has come to. */
typedef struct stand {
    bool pending;        /* a move is being quenched */
    double reference;    /* eV: lowest ever; NAN when nothing is known */
    double lowest;       /* eV, accepted */
    int64_t evaluations; /* when the move was proposed */
} stand;

static double gap(const hop_trainer *t, const stand *b, double unit) {
    return fmax(0.0, (b->lowest - b->reference) / unit) + t->options.trace;
}

static size_t look_of(const hop_trainer *t, const stand *b, const hop__hops *h) {
    const double unit = h->atoms.units.energy,
                 above = (h->accepted_energy - b->lowest) / unit,
                 far = hop__ln(gap(t, b, unit) / t->options.trace) / 0.6;
    size_t near = far < GAPS - 1 ? (size_t)far : GAPS - 1;
    size_t height = above < 2e-3 ? 0 : above < 0.03 ? 1 : 2;
    return ((h->atoms.alloy * HEIGHTS + height) * GAPS + near) * SINCE +
           since_of(h->since_best);
}

/* Advantages of the window's decisions, backwards; `look`: how it ended. */
static void assess(const hop_trainer *t, worker *w, size_t look, double *notes) {
    double ahead = 0.0, after = value(t, look);
    for (size_t k = w->decided; k-- > 0;) {
        decision *d = &w->window[k];
        double fade = hop__exp(-d->evaluations / t->options.foresight);
        double now = value(t, d->look);
        double surprise = d->reward + fade * after - now;
        ahead = surprise + fade * t->options.lambda * ahead;
        d->advantage = ahead;
        after = now;
        notes[RETURN + d->look] += ahead + now;
        notes[VISITS + d->look] += 1.0;
        notes[SQUARES] += ahead * ahead;
        notes[HOPS] += 1.0;
        notes[BETTER] += d->reward > 0.0;
    }
}

/* Add the gradient of the window's decisions and begin another. */
static void learn(hop_trainer *t, worker *w, const hop_optimizer *o, const stand *b,
                  double *gradient, double *notes) {
    const hop__hop_policy *p = o->hops->policy;
    const size_t stride = p->atoms->stride, hidden = HOP__HOP_HIDDEN * stride;
    const double hops = t->memory[HOPS],
                 scale =
                     hops > 0.0 ? 1.0 / sqrt(t->memory[SQUARES] / hops + 1e-12) : 0.0;
    double *site = gradient + hop__model_size(HOP__HOP);
    if (isfinite(b->reference))
        assess(t, w, look_of(t, b, o->hops), notes);
    else
        w->decided = 0;
    memset(w->dh, 0, 2 * hidden * sizeof *w->dh);
    while (w->decided > 0) {
        const decision *d = &w->window[--w->decided];
        const double weight = d->advantage * scale;
        if (!d->taken) {
            memset(w->dh, 0, 2 * hidden * sizeof *w->dh);
            continue;
        }
        for (size_t k = 0; k < HOP__HOP_OUTPUTS * stride; k++)
            w->dy[k] = -weight * d->score[k] - t->options.entropy * d->entropy[k];
        hop__lstm_backward(w->context->isa, &hop__hop_shape, hop__trainer_weights(t),
                           p->atoms->count, d->network, w->dy, w->dh, w->dh + hidden,
                           w->dx, gradient, w->scratch);
        hop__add_scaled(site, -weight, d->site, hop__model_size(HOP__SITE));
    }
}

/* ---- an episode ---- */

/* What the move brought whose quench has just ended. */
static void close_decision(const hop_trainer *t, worker *w, const hop_optimizer *o,
                           stand *b) {
    const double unit = o->units.energy, before = b->lowest;
    b->lowest = fmin(b->lowest, o->hops->accepted_energy);
    if (!b->pending)
        return;
    decision *d = &w->window[w->decided++];
    stand was = *b;
    was.lowest = before;
    d->reward =
        isfinite(b->reference) ? hop__ln(gap(t, &was, unit) / gap(t, b, unit)) : 0.0;
    d->evaluations =
        fmax((double)(o->evaluations - b->evaluations), t->options.least_cost);
}

/* A quench has ended and another move was made. */
static void take_hop(hop_trainer *t, worker *w, hop_optimizer *o, stand *b,
                     double *gradient, double *notes) {
    close_decision(t, w, o, b);
    if (w->decided == (size_t)t->options.window)
        learn(t, w, o, b, gradient, notes);
    decision *d = &w->window[w->decided];
    b->pending = true;
    b->evaluations = o->evaluations;
    d->look = isfinite(b->reference) ? look_of(t, b, o->hops) : 0;
    d->taken = o->hops->move < HOP__MOVE_KICK;
    if (d->taken)
        keep_decision(w, o->hops->policy);
}

static int run(hop_trainer *t, worker *w, size_t k, double *gradient, double *notes) {
    hop_optimizer *o = w->searches.optimizer[k];
    const double known = t->memory[LOWEST + k];
    stand b = {.lowest = INFINITY, .reference = known < 0.0 ? known : NAN};
    int64_t proposed = 0;
    int status;
    w->decided = 0;
    while ((status = hop__searches_evaluate(t, &w->searches, k)) == HOP_OK) {
        if (o->hops->proposed == proposed)
            continue;
        proposed = o->hops->proposed;
        take_hop(t, w, o, &b, gradient, notes);
    }
    if (b.pending)
        learn(t, w, o, &b, gradient, notes);
    notes[LOWEST + k] = fmin(0.0, isfinite(b.lowest) ? b.lowest : 0.0);
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

/* The critic and the lowest energies, in the order of the batch. */
static void finish(hop_trainer *t) {
    for (size_t k = 0; k < NOTES; k++)
        t->memory[k] *= k >= LOWEST && k < SQUARES ? 1.0 : FADE;
    for (size_t b = 0; b < (size_t)t->options.batch; b++)
        for (size_t k = 0; k < NOTES; k++) {
            double note = t->notes[b * HOP__TRAINER_MEMORY + k], *at = &t->memory[k];
            *at = k >= LOWEST && k < SQUARES ? fmin(*at, note) : *at + note;
        }
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
    *out = NULL;
    if (t->tasks->count > TASKS)
        return hop__fail(context, HOP_ERROR_RANGE,
                         "policy: expected at most %d tasks, got %zu", TASKS,
                         t->tasks->count);
    worker *w = hop__allocate(context, 1, sizeof *w);
    *out = w;
    if (!w)
        return HOP_ERROR_MEMORY;
    w->context = context;
    int status = allocate(t, w);
    return status == HOP_OK ? hop__searches_make(t, context, &w->searches) : status;
}

const hop__training_method hop__policy_method = {.name = "policy",
                                                 .options = &table,
                                                 .first = HOP__HOP,
                                                 .last = HOP__SITE + 1,
                                                 .create = create,
                                                 .destroy = destroy,
                                                 .episode = episode,
                                                 .finish = finish,
                                                 .window = window_of};

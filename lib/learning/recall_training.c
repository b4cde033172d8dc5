/* Gathering shapes: teaches the recall skill, from which shapes it is worth to begin.
 *
 * An episode is a search of `horizon` evaluations, by the hop network if there is one, and
 * without recalling anything. Its kicks divide it into stretches; the lowest minima of the
 * lowest stretches are candidates. Of each task the lowest candidates of all episodes stay,
 * unlike each other; a shape counts, in each task where it is among them,
 *
 *   exp (-(energy - lowest of the task) / margin)
 *
 * and the library is made anew of their sums after each update. So a shape that is low for
 * many elements comes first. Nothing is averaged and no slope is followed: it is a memory. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/searches.h"
#include "learning/shapes.h"

#define ROW HOP__TRAINING_ROW
static const hop__option rows[] = {
    HOP__TRAINING_BASIC(24, 54),
    ROW(horizon, "", INTEGER, 100, 1e9, 30000, "evaluations of an episode"),
    ROW(margin, "e0", REAL, 1e-6, 1e3, 0.05,
        "energy above the lowest of a task by which a shape counts less by a factor of "
        "e"),
    ROW(trace, "e0", REAL, 1e-9, 1, 5e-4, "energies nearer than this are one minimum")};
static const hop__option_table table = {"recall", rows, sizeof rows / sizeof *rows};

#define CANDIDATES 3 /* of an episode */
#define POOL 5       /* of a task */
#define LEAST 0.02   /* value below which a shape is not worth a slot */

/* A candidate: energy in binding energies, then its slot. */
enum { ENERGY, SLOT, ENTRY = SLOT + HOP__SHAPE_NUMBERS };
enum { TASK }; /* note of an episode, counted from 1 */

/* What is kept: the library to begin with, pools, candidates of the batch. */
static double *pool_of(const hop_trainer *t, size_t task) {
    return t->keep + HOP__SHAPES * HOP__SHAPE_NUMBERS + task * POOL * ENTRY;
}

static double *candidates_of(const hop_trainer *t, size_t index) {
    return pool_of(t, t->tasks->count) + index * CANDIDATES * ENTRY;
}

static size_t keep_size(const hop_trainer *t) {
    return HOP__SHAPES * HOP__SHAPE_NUMBERS +
           (t->tasks->count * POOL + (size_t)t->options.batch * CANDIDATES) * ENTRY;
}

static void keep_begin(hop_trainer *t) {
    memset(t->keep, 0, keep_size(t) * sizeof *t->keep);
    memcpy(t->keep, hop__trainer_weights(t),
           HOP__SHAPES * HOP__SHAPE_NUMBERS * sizeof *t->keep);
}

static bool keep_possible(const hop_trainer *t) {
    const size_t library = HOP__SHAPES * HOP__SHAPE_NUMBERS;
    for (size_t k = library; k < keep_size(t); k += ENTRY)
        if (t->keep[k + SLOT + HOP__SHAPE_SIZE] != 0.0 &&
            !hop__shape_possible(t->keep + k + SLOT))
            return false;
    return hop__shapes_possible(t->keep);
}

static bool taken(const double *entry) { return entry[SLOT + HOP__SHAPE_SIZE] > 0.0; }

static bool alike(const double *a, const double *b, double trace) {
    return fabs(a[ENERGY] - b[ENERGY]) < trace || hop__shapes_alike(a + SLOT, b + SLOT);
}

/* Entries are sorted by energy, free ones last, and unlike each other: of another energy
   and, where shapes are told apart, of another shape.  A lower one takes their place. */
static void insert(double *list, size_t count, const double *entry, double trace) {
    size_t at = 0, kept;
    while (at < count && taken(list + at * ENTRY) &&
           list[at * ENTRY + ENERGY] <= entry[ENERGY])
        if (alike(list + at++ * ENTRY, entry, trace))
            return;
    if (at == count)
        return;
    kept = at;
    for (size_t k = at; k < count && taken(list + k * ENTRY); k++)
        if (!alike(list + k * ENTRY, entry, trace))
            memmove(list + kept++ * ENTRY, list + k * ENTRY, ENTRY * sizeof *list);
    memset(list + kept * ENTRY, 0, (count - kept) * ENTRY * sizeof *list);
    kept -= kept == count;
    memmove(list + (at + 1) * ENTRY, list + at * ENTRY,
            (kept - at) * ENTRY * sizeof *list);
    memcpy(list + at * ENTRY, entry, ENTRY * sizeof *entry);
}

/* ---- an episode ---- */

typedef struct worker {
    hop__searches searches;
    double entry[ENTRY]; /* the lowest of this stretch */
} worker;

static void note_minimum(worker *w, const hop_optimizer *o) {
    const hop__hops *h = o->hops;
    const double energy = h->accepted_energy / o->units.energy;
    if (!isfinite(energy) || (taken(w->entry) && energy >= w->entry[ENERGY]))
        return;
    if (hop__shape_of(h->start->count, h->accepted, 0.0, w->entry + SLOT))
        w->entry[ENERGY] = energy;
}

static void end_stretch(const hop_trainer *t, worker *w, size_t index) {
    if (taken(w->entry))
        insert(candidates_of(t, index), CANDIDATES, w->entry, t->options.trace);
    memset(w->entry, 0, sizeof w->entry);
}

static int run(hop_trainer *t, worker *w, size_t k, size_t index) {
    hop_optimizer *o = w->searches.optimizer[k];
    int64_t proposed = 0;
    int status;
    memset(w->entry, 0, sizeof w->entry);
    while ((status = hop__searches_evaluate(t, &w->searches, k)) == HOP_OK) {
        if (o->hops->proposed == proposed)
            continue;
        proposed = o->hops->proposed;
        if (t->validating)
            continue;
        note_minimum(w, o);
        if (o->hops->move == HOP__MOVE_KICK)
            end_stretch(t, w, index);
    }
    if (!t->validating)
        end_stretch(t, w, index);
    return status == HOP_END ? HOP_OK : status;
}

static int episode(hop_trainer *t, void *opaque, size_t index) {
    worker *w = opaque;
    size_t k;
    if (!t->validating)
        memset(candidates_of(t, index), 0,
               CANDIDATES * ENTRY * sizeof *candidates_of(t, index));
    int status = hop__searches_begin(t, &w->searches, index, &k);
    if (status != HOP_OK)
        return status;
    const hop_optimizer *o = w->searches.optimizer[k];
    hop__model_hop(t->model, o->hops->policy);
    const bool recalls = t->validating && !hop__structure_is_periodic(o->start);
    o->hops->shapes = recalls ? hop__model_shapes(t->model) : NULL;
    status = run(t, w, k, index);
    t->calls[index] = o->evaluations;
    t->notes[index * HOP__TRAINER_MEMORY + TASK] = (double)(k + 1);
    t->score[index] = isfinite(o->best.energy) ? o->best.energy / o->units.energy : 0.0;
    const double *known = pool_of(t, k);
    if (taken(known))
        t->loss[index] = t->score[index] - known[ENERGY];
    return status;
}

/* ---- after the batch ---- */

static void gather(hop_trainer *t) {
    for (size_t b = 0; b < (size_t)t->options.batch; b++) {
        const double task = t->notes[b * HOP__TRAINER_MEMORY + TASK];
        const double *list = candidates_of(t, b);
        for (size_t c = 0; task > 0.0 && c < CANDIDATES && taken(list + c * ENTRY); c++)
            insert(pool_of(t, (size_t)task - 1), POOL, list + c * ENTRY,
                   t->options.trace);
    }
}

static void advance(hop_trainer *t) {
    double *library = hop__trainer_weights(t), slot[HOP__SHAPE_NUMBERS];
    gather(t);
    memcpy(library, t->keep, HOP__SHAPES * HOP__SHAPE_NUMBERS * sizeof *library);
    for (size_t k = 0; k < t->tasks->count; k++) {
        const double *pool = pool_of(t, k);
        for (size_t p = 0; p < POOL && taken(pool + p * ENTRY); p++) {
            const double above = pool[p * ENTRY + ENERGY] - pool[ENERGY];
            memcpy(slot, pool + p * ENTRY + SLOT, sizeof slot);
            slot[HOP__SHAPE_VALUE] = hop__exp(-fmin(above / t->options.margin, 700.0));
            if (slot[HOP__SHAPE_VALUE] > LEAST)
                hop__shapes_add(library, slot);
        }
    }
    t->norm = 0.0;
}

/* ---- workers ---- */

static void destroy(hop_trainer *t, void *opaque) {
    worker *w = opaque;
    hop_context *context = w->searches.context;
    hop__searches_free(t, &w->searches);
    hop__release(context, w);
}

/* Of a task with other numbers of atoms nothing would ever be gathered. */
static int check_tasks(const hop_trainer *t, hop_context *context) {
    for (size_t k = 0; k < t->tasks->count; k++) {
        const hop__task *task = &t->tasks->task[k];
        const bool periodic = task->cell[0] > 0.0;
        if (task->weight > 0.0 &&
            (periodic || task->count < 3 || task->count > HOP__SHAPE_ATOMS))
            return hop__fail(context, HOP_ERROR_UNSUPPORTED,
                             "recall: shapes are of clusters of 3 to %d atoms, got a "
                             "task of %zu%s",
                             HOP__SHAPE_ATOMS, task->count,
                             periodic ? " in a periodic cell" : "");
    }
    return HOP_OK;
}

static int create(hop_trainer *t, hop_context *context, void **out) {
    int status = check_tasks(t, context);
    worker *w = status == HOP_OK ? hop__allocate(context, 1, sizeof *w) : NULL;
    *out = w;
    if (!w)
        return status == HOP_OK ? HOP_ERROR_MEMORY : status;
    w->searches.context = context;
    return hop__searches_make(t, context, &w->searches);
}

static size_t window(const hop_trainer *t) {
    (void)t;
    return 0;
}

const hop__training_method hop__recall_method = {.name = "recall",
                                                 .options = &table,
                                                 .first = HOP__RECALL,
                                                 .last = HOP__RECALL + 1,
                                                 .create = create,
                                                 .destroy = destroy,
                                                 .episode = episode,
                                                 .window = window,
                                                 .keep_size = keep_size,
                                                 .keep_begin = keep_begin,
                                                 .keep_possible = keep_possible,
                                                 .advance = advance};

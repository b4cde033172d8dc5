/* A genetic algorithm: teaches the continuous optimizer.
 *
 * Each episode of the batch is an individual, a set of weights.  All of a generation run
 * from the same `starts`; the better half stays, the others become copies of members of
 * that half, chosen at random, with normal mutations (no crossover: Such et al.,
 * arXiv:1712.06567).  Losses are noisy, so an individual is ranked by the mean over its life
 * of its loss relative to its generation's, shrunk by one generation of none. */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "learning/evolution.h"

#define ROW HOP__TRAINING_ROW
static const hop__option rows[] = {
    HOP__TRAINING_BASIC(300, 32), HOP__EVOLUTION_ROWS(0.2),
    ROW(starts, "", INTEGER, 1, 1e4, 6, "runs of each individual in a generation")};
static const hop__option_table table = {"ga", rows, sizeof rows / sizeof *rows};

/* An individual: */
enum { SUM, AGE, GENES }; /* of relative losses, in generations; then the weights */

static size_t member_size(const hop_trainer *t) { return GENES + t->count; }

static size_t keep_size(const hop_trainer *t) {
    return (size_t)t->options.batch * member_size(t);
}

static double *member(const hop_trainer *t, size_t b) {
    return t->keep + b * member_size(t);
}

static hop__random generation_random(const hop_trainer *t, int64_t generation) {
    return hop__random_start((uint64_t)t->options.seed,
                             (uint64_t)generation | UINT64_C(1) << 62);
}

static void mutate(const hop_trainer *t, hop__random *random, double *genes) {
    for (size_t k = 0; k < t->count; k++)
        genes[k] += hop__evolution_sigma(t, k) * hop__random_normal(random);
}

/* The first is the model to begin with, the others are its mutants. */
static void keep_begin(hop_trainer *t) {
    hop__random random = generation_random(t, 0);
    for (size_t b = 0; b < (size_t)t->options.batch; b++) {
        double *m = member(t, b);
        m[SUM] = m[AGE] = 0.0;
        memcpy(m + GENES, hop__trainer_weights(t), t->count * sizeof *m);
        if (b > 0)
            mutate(t, &random, m + GENES);
    }
}

static int episode(hop_trainer *t, void *opaque, size_t index) {
    hop__evolution_worker *w = opaque;
    if (t->validating)
        return hop__evolution_score(t, w, index);
    const size_t starts = (size_t)t->options.starts;
    int status = HOP_OK;
    for (size_t k = 0; k < starts && status == HOP_OK; k++) {
        hop__random random = hop__trainer_random(t, k);
        const size_t task = hop__trainer_choose(t, &random, k);
        double base, loss = 0.0;
        status =
            hop__rollouts_draw(t, &w->rollouts, task, &random, &base, &t->calls[index]);
        if (status == HOP_OK)
            status = hop__rollouts_loss(t, &w->rollouts, member(t, index) + GENES,
                                        random, base, (int64_t)t->options.horizon,
                                        &loss, &t->calls[index]);
        t->loss[index] += loss / (double)starts;
    }
    t->score[index] = t->loss[index];
    return status;
}

static double rank(const double *m) { return m[SUM] / (m[AGE] + 1.0); }

/* A new generation; the weights are those of the best individual. */
static void advance(hop_trainer *t) {
    const size_t batch = (size_t)t->options.batch, half = (batch + 1) / 2;
    hop__random random = generation_random(t, t->update + 1);
    double mean = 0.0, swap;
    for (size_t b = 0; b < batch; b++)
        mean += t->loss[b] / (double)batch;
    for (size_t b = 0; b < batch; b++) {
        member(t, b)[SUM] += t->loss[b] - mean;
        member(t, b)[AGE]++;
    }
    for (size_t b = 1; b < batch;
         b++) /* insertion sort: in place, the order is fixed */
        for (size_t c = b; c > 0 && rank(member(t, c)) < rank(member(t, c - 1)); c--)
            for (size_t k = 0; k < member_size(t); k++) {
                swap = member(t, c)[k];
                member(t, c)[k] = member(t, c - 1)[k];
                member(t, c - 1)[k] = swap;
            }
    for (size_t b = half; b < batch; b++) {
        const double *parent = member(t, hop__random_below(&random, half));
        double *child = member(t, b);
        memcpy(child + GENES, parent + GENES, t->count * sizeof *child);
        child[SUM] = child[AGE] = 0.0;
        mutate(t, &random, child + GENES);
    }
    t->norm = 0.0;
    memcpy(hop__trainer_weights(t), member(t, 0) + GENES, t->count * sizeof(double));
}

const hop__training_method hop__ga_method = {.name = "ga",
                                             .options = &table,
                                             .first = HOP__CONTINUOUS,
                                             .last = HOP__CONTINUOUS + 1,
                                             .create = hop__evolution_create,
                                             .destroy = hop__evolution_destroy,
                                             .episode = episode,
                                             .window = hop__evolution_window,
                                             .keep_size = keep_size,
                                             .keep_begin = keep_begin,
                                             .advance = advance};

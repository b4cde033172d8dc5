/* Evolution strategies with meta-loss clipping: teaches the continuous optimizer.
 *
 * An episode is a start, run with the weights themselves (loss L0) and with `pairs` of
 * opposite perturbations, all with the same random numbers:
 *
 *   g = 1/M sum_m (min(L(theta + sigma z_m), L0) - min(L(theta - sigma z_m), L0)) z_m
 *
 * so that whatever is worse than the optimizer at hand counts as equally bad, and runs that
 * explode cannot outweigh improvements (Merchant et al., ICML 2021; the formula as in
 * evosax and EvoX). */
#include <math.h>

#include "base/vector_math.h"
#include "learning/evolution.h"

#define ROW HOP__TRAINING_ROW
static const hop__option rows[] = {
    HOP__TRAINING_COMMON(600, 16, 0.03, 0.005), HOP__EVOLUTION_ROWS(0.3),
    ROW(pairs, "", INTEGER, 1, 1e4, 3, "opposite perturbations of an episode")};
static const hop__option_table table = {"esmc", rows, sizeof rows / sizeof *rows};

/* Loss of theta + sign * noise. */
static int perturbed(hop_trainer *t, hop__evolution_worker *w, double sign,
                     hop__random random, double base, double *loss, int64_t *calls) {
    const double *theta = hop__trainer_weights(t);
    for (size_t k = 0; k < t->count; k++)
        w->weights[k] = theta[k] + sign * w->noise[k];
    return hop__rollouts_loss(t, &w->rollouts, w->weights, random, base,
                              (int64_t)t->options.horizon, loss, calls);
}

static int pair(hop_trainer *t, hop__evolution_worker *w, hop__random *random,
                hop__random noise, double base, double own, double *gradient,
                int64_t *calls) {
    double up = 0.0, down = 0.0;
    hop__evolution_draw(t, random, w->noise);
    int status = perturbed(t, w, 1.0, noise, base, &up, calls);
    if (status == HOP_OK)
        status = perturbed(t, w, -1.0, noise, base, &down, calls);
    const double gain = fmin(up, own) - fmin(down, own);
    for (size_t k = 0; k < t->count; k++)
        if (w->noise[k] != 0.0) /* z = noise / sigma */
            gradient[k] +=
                gain / t->options.pairs * w->noise[k] / hop__evolution_sigma(t, k);
    return status;
}

static int episode(hop_trainer *t, void *opaque, size_t index) {
    hop__evolution_worker *w = opaque;
    if (t->validating)
        return hop__evolution_score(t, w, index);
    hop__random random = hop__trainer_random(t, index);
    const size_t k = hop__trainer_choose(t, &random, index);
    double base, own = 0.0;
    int64_t *calls = &t->calls[index];
    int status = hop__rollouts_draw(t, &w->rollouts, k, &random, &base, calls);
    const hop__random noise = {random.seed, random.stream,
                               random.position + (1u << 31)};
    if (status == HOP_OK)
        status = hop__rollouts_loss(t, &w->rollouts, hop__trainer_weights(t), noise,
                                    base, (int64_t)t->options.horizon, &own, calls);
    for (size_t m = 0; m < (size_t)t->options.pairs && status == HOP_OK; m++)
        status = pair(t, w, &random, noise, base, own, t->gradient + index * t->count,
                      calls);
    t->loss[index] = t->score[index] = own;
    return status;
}

const hop__training_method hop__esmc_method = {.name = "esmc",
                                               .options = &table,
                                               .first = HOP__CONTINUOUS,
                                               .last = HOP__CONTINUOUS + 1,
                                               .create = hop__evolution_create,
                                               .destroy = hop__evolution_destroy,
                                               .episode = episode,
                                               .window = hop__evolution_window};

#include "learning/evolution.h"

#include "base/memory.h"

int hop__evolution_create(hop_trainer *t, hop_context *context, void **out) {
    hop__evolution_worker *w = hop__allocate(context, 1, sizeof *w);
    *out = w;
    if (!w)
        return HOP_ERROR_MEMORY;
    w->context = context;
    w->rollouts.context = context;
    w->weights = hop__allocate(context, 2 * t->count, sizeof *w->weights);
    if (!w->weights)
        return HOP_ERROR_MEMORY;
    w->noise = w->weights + t->count;
    return hop__rollouts_make(t, context, &w->rollouts);
}

void hop__evolution_destroy(hop_trainer *t, void *opaque) {
    hop__evolution_worker *w = opaque;
    hop__rollouts_free(t, &w->rollouts);
    hop__release(w->context, w->weights);
    hop__release(w->context, w);
}

double hop__evolution_sigma(const hop_trainer *t, size_t k) {
    const size_t read_out = HOP__C_OUTPUTS * (HOP__C_HIDDEN + 1);
    return t->options.sigma * (k + read_out >= t->count ? 1.0 : t->options.inner);
}

void hop__evolution_draw(const hop_trainer *t, hop__random *random, double *noise) {
    for (size_t k = 0; k < t->count; k++)
        noise[k] = hop__evolution_sigma(t, k) * hop__random_normal(random);
}

int hop__evolution_score(hop_trainer *t, hop__evolution_worker *w, size_t index) {
    hop__random random = hop__trainer_random(t, index);
    const size_t k = hop__trainer_choose(t, &random, index);
    double base;
    int status =
        hop__rollouts_draw(t, &w->rollouts, k, &random, &base, &t->calls[index]);
    if (status == HOP_OK)
        status = hop__rollouts_loss(t, &w->rollouts, hop__trainer_weights(t), random,
                                    base, (int64_t)t->options.horizon, &t->loss[index],
                                    &t->calls[index]);
    t->score[index] = t->loss[index];
    return status;
}

size_t hop__evolution_window(const hop_trainer *t) {
    return (size_t)t->options.horizon;
}

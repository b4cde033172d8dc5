/* Noise-reuse evolution strategies: teaches the continuous optimizer while its runs go on.
 *
 * Each episode of the batch is a pair of runs from one start, with theta + e and theta - e,
 * that go on from update to update by one window of `window` force calls; at the end of the
 * horizon another start is drawn.  The loss of a window is the lowest energy so far,
 * relaxed.  With x the sum of the perturbations that the pair has had:
 *
 *   g = (L(+) - L(-)) x / (2 sigma^2)
 *
 * The same e for the whole run (`reuse` = 0): NRES (Li et al., NeurIPS 2023), whose variance
 * does not grow with the number of windows.  A new e for each window (`reuse` = 1):
 * persistent evolution strategies (Vicol et al., ICML 2021).  All windows' losses count
 * for a weight's gradient, whenever they come, so that the truncation makes no bias. */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "learning/evolution.h"

#define ROW HOP__TRAINING_ROW
static const hop__option rows[] = {
    HOP__TRAINING_COMMON(1500, 32, 0.03, 0.005), HOP__EVOLUTION_ROWS(0.3),
    ROW(window, "", INTEGER, 1, 1e9, 250, "force calls between updates"),
    ROW(reuse, "", INTEGER, 0, 1e9, 0,
        "windows before another perturbation; 0 = the whole run")};
static const hop__option_table table = {"nres", rows, sizeof rows / sizeof *rows};

/* A pair, as doubles. */
enum {
    TASK,  /* of the runs */
    DONE,  /* windows */
    DRAWN, /* the update in which the perturbation was drawn, plus one; 0: no runs yet */
    BASE,  /* eV: energy of the minimum below the start */
    NUMBERS /* then the sum x, then the two runs */
};

static size_t pair_size(const hop_trainer *t) {
    return NUMBERS + t->count + 2 * hop__rollouts_state_size(t->tasks->most_atoms);
}

static size_t keep_size(const hop_trainer *t) {
    return (size_t)t->options.batch * pair_size(t);
}

static size_t windows_of(const hop_trainer *t) {
    return (size_t)fmax(1.0, floor(t->options.horizon / t->options.window));
}

/* The first runs are cut short, each by another part, so that later ones do not all begin
   in one update. */
static void keep_begin(hop_trainer *t) {
    for (size_t b = 0; b < (size_t)t->options.batch; b++)
        t->keep[b * pair_size(t) + DONE] = (double)(b % windows_of(t));
}

static hop__random perturbation(const hop_trainer *t, size_t index, double drawn) {
    const uint64_t stream = (uint64_t)drawn << 12 | index | UINT64_C(1) << 62;
    return hop__random_start((uint64_t)t->options.seed, stream);
}

static int begin(hop_trainer *t, hop__evolution_worker *w, size_t index, double *pair) {
    hop__random random = hop__trainer_random(t, index);
    const size_t size = hop__rollouts_state_size(t->tasks->most_atoms);
    const size_t k = hop__trainer_choose(t, &random, index);
    int status =
        hop__rollouts_draw(t, &w->rollouts, k, &random, &pair[BASE], &t->calls[index]);
    if (pair[DRAWN] != 0.0)
        pair[DONE] = 0.0;
    pair[TASK] = (double)k;
    pair[DRAWN] = 0.0;
    memset(pair + NUMBERS, 0, t->count * sizeof *pair);
    hop__rollouts_begin(t, &w->rollouts, random);
    for (size_t side = 0; side < 2; side++)
        hop__rollouts_save(&w->rollouts, pair + NUMBERS + t->count + side * size);
    return status;
}

/* One window of one side; its loss. */
static int go(hop_trainer *t, hop__evolution_worker *w, size_t index, double *pair,
              int side, double *loss) {
    const size_t k = (size_t)pair[TASK];
    const hop__task *task = &t->tasks->task[k];
    double *state = pair + NUMBERS + t->count +
                    (size_t)side * hop__rollouts_state_size(t->tasks->most_atoms);
    const double *theta = hop__trainer_weights(t), sign = side == 0 ? 1.0 : -1.0;
    double energy = INFINITY;
    for (size_t a = 0; a < t->count; a++)
        w->weights[a] = theta[a] + sign * w->noise[a];
    hop__rollouts_restore(t, &w->rollouts, k, state);
    int status = hop__rollouts_go(&w->rollouts, w->weights, (int64_t)t->options.window,
                                  &t->calls[index]);
    hop__rollouts_save(&w->rollouts, state);
    if (status == HOP_OK && isfinite(w->rollouts.run->best_energy))
        status = hop__rollouts_relax(&w->rollouts, task, &energy, &t->calls[index]);
    *loss = fmin((energy - pair[BASE]) / task->units.energy, (double)task->count);
    return status;
}

static void perturb(hop_trainer *t, hop__evolution_worker *w, size_t index,
                    double *pair) {
    const bool another =
        pair[DRAWN] == 0.0 ||
        (t->options.reuse > 0.0 && fmod(pair[DONE], t->options.reuse) == 0.0);
    if (another)
        pair[DRAWN] = (double)t->update + 1.0;
    hop__random random = perturbation(t, index, pair[DRAWN]);
    hop__evolution_draw(t, &random, w->noise);
    if (another)
        hop__add_scaled(pair + NUMBERS, 1.0, w->noise, t->count);
}

static bool over(const hop_trainer *t, const double *pair) {
    return !(pair[DRAWN] >= 1.0 && pair[DRAWN] <= (double)t->update &&
             pair[DONE] >= 0.0 && pair[DONE] < (double)windows_of(t) &&
             pair[TASK] >= 0.0 && pair[TASK] < (double)t->tasks->count);
}

static int episode(hop_trainer *t, void *opaque, size_t index) {
    hop__evolution_worker *w = opaque;
    if (t->validating)
        return hop__evolution_score(t, w, index);
    double *pair = t->keep + index * pair_size(t), up = 0.0, down = 0.0;
    double *gradient = t->gradient + index * t->count;
    int status = over(t, pair) ? begin(t, w, index, pair) : HOP_OK;
    if (status != HOP_OK)
        return status;
    perturb(t, w, index, pair);
    status = go(t, w, index, pair, 0, &up);
    if (status == HOP_OK)
        status = go(t, w, index, pair, 1, &down);
    pair[DONE]++;
    for (size_t k = 0; k < t->count; k++) {
        const double sigma = hop__evolution_sigma(t, k);
        if (sigma > 0.0)
            gradient[k] = (up - down) * pair[NUMBERS + k] / (2.0 * sigma * sigma);
    }
    t->loss[index] = t->score[index] = 0.5 * (up + down);
    return status;
}

static size_t window_of(const hop_trainer *t) { return (size_t)t->options.window; }

const hop__training_method hop__nres_method = {.name = "nres",
                                               .options = &table,
                                               .first = HOP__CONTINUOUS,
                                               .last = HOP__CONTINUOUS + 1,
                                               .create = hop__evolution_create,
                                               .destroy = hop__evolution_destroy,
                                               .episode = episode,
                                               .window = window_of,
                                               .keep_size = keep_size,
                                               .keep_begin = keep_begin};

/* Meta-training: learns, resumes bit for bit, survives failing memory, refuses nonsense. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learning/evolution.h"
#include "learning/searches.h"
#include "learning/trainer.h"
#include "support/support.h"

static const char tasks[] = "# small\nAg.gupta Ag7 1\nAgAu.gupta Ag4Au3 2\n";

static const char *task_file(void) {
    const char *path = support_path("small.tasks");
    support_write_file(path, tasks, strlen(tasks));
    return path;
}

static const char *const methods[] = {"tbptt", "policy", "abandon", "tbptt-continuous",
                                      "esmc",  "nres",   "ga",      "recall"};
enum { METHODS = sizeof methods / sizeof *methods };

static bool continuous(const char *method) {
    return strcmp(method, "nres") == 0 || strcmp(method, "ga") == 0 ||
           strcmp(method, "esmc") == 0 || strcmp(method, "tbptt-continuous") == 0;
}

/* What makes episodes short, of what a method has. */
static void set_short(hop_trainer *t, double window, double windows, double horizon) {
    const bool runs = continuous(hop_trainer_method_of(t));
    const struct {
        const char *name;
        double value;
    } all[] = {{"window", window},
               {"windows", windows},
               {"pairs", 1.0},
               {"starts", 1.0},
               {"horizon", runs ? 3.0 * window : horizon}};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        double now;
        if (hop_trainer_get(t, all[k].name, &now) == HOP_OK)
            ck_assert_int_eq(hop_trainer_set(t, all[k].name, all[k].value), HOP_OK);
    }
}

static void set_small(hop_trainer *t) {
    ck_assert_int_eq(hop_trainer_set(t, "updates", 12), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "batch", 4), HOP_OK);
    set_short(t, 8, 2, 300);
}

enum { NUMBERS = 80000 }; /* no model has more */

static void finish(hop_trainer *t, double *weights, size_t *count) {
    int status;
    while ((status = hop_trainer_step(t)) == HOP_OK)
        ;
    ck_assert_int_eq(status, HOP_END);
    hop_model *model;
    ck_assert_int_eq(hop_trainer_model(t, &model), HOP_OK);
    *count = model->parameter_count; /* shapes, too */
    ck_assert_uint_le(*count, NUMBERS);
    memcpy(weights, model->parameters, *count * sizeof *weights);
    hop_model_free(model);
}

/* Stopped after some updates and resumed, on one thread or more: the same model. */
START_TEST(resumed_is_uninterrupted) {
    static double straight[NUMBERS], resumed[NUMBERS];
    const char *method = methods[_i / 12];
    hop_context *context;
    hop_trainer *t;
    size_t count;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_trainer_new(context, method, task_file(), NULL, &t), HOP_OK);
    set_small(t);
    finish(t, straight, &count);
    hop_trainer_free(t);

    ck_assert_int_eq(hop_context_set_threads(context, 1 + _i % 3), HOP_OK);
    ck_assert_int_eq(hop_trainer_new(context, method, task_file(), NULL, &t), HOP_OK);
    set_small(t);
    for (int k = 0; k < _i % 12; k++)
        ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
    const char *path = support_path("checkpoint.h5");
    ck_assert_int_eq(hop_trainer_save(t, path), HOP_OK);
    hop_trainer_free(t);
    ck_assert_msg(hop_trainer_load(context, path, &t) == HOP_OK, "%s",
                  hop_error_message(context));
    finish(t, resumed, &count);
    hop_trainer_free(t);
    hop_context_free(context);
    ck_assert_mem_eq(straight, resumed, count * sizeof *straight);
}
END_TEST

/* ---- cancelling ---- */

typedef struct canceller {
    hop_context *context;
    size_t calls, at; /* cancel at this allocation, counted from 1; 0: never */
} canceller;

static void *allocate(void *user, size_t size) {
    canceller *c = user;
    if (++c->calls == c->at)
        hop_cancel(c->context);
    return malloc(size);
}

static void release(void *user, void *pointer) {
    (void)user;
    free(pointer);
}

/* Cancelled while an episode runs: an optimizer's parts are allocated at its first ask.
   The update is whole and the next one is not begun, so that the model is the same. */
START_TEST(cancelled_is_uninterrupted) {
    static double weights[2][NUMBERS];
    canceller c = {0};
    size_t count, last = 0; /* allocation of the first update */
    for (int cancel = 0; cancel < 2; cancel++) {
        const hop_allocator allocator = {sizeof allocator, allocate, release, &c};
        hop_trainer *t;
        ck_assert_int_eq(hop_context_new(&allocator, &c.context), HOP_OK);
        ck_assert_int_eq(hop_trainer_new(c.context, methods[_i], task_file(), NULL, &t),
                         HOP_OK);
        set_small(t);
        c.at = cancel ? last : 0;
        c.calls = 0;
        ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
        c.at = 0;
        if (cancel)
            ck_assert_int_eq(hop_trainer_step(t), HOP_STOPPED);
        else
            last = c.calls;
        hop_cancel_clear(c.context);
        finish(t, weights[cancel], &count);
        hop_trainer_free(t);
        hop_context_free(c.context);
    }
    ck_assert_mem_eq(weights[0], weights[1], count * sizeof *weights[0]);
}
END_TEST

START_TEST(bad_tasks_are_refused) {
    static const struct {
        const char *text, *says;
    } bad[] = {{"", "at least one task"},
               {"Ag.gupta\n", ":1: expected a formula"},
               {"Ag.gupta Qq7\n", "element"},
               {"Ag.gupta Au7\n", "Au"},
               {"Ag.gupta Ag7 -1\n", ":1: expected a positive weight"},
               {"nosuch.gupta Ag7\n", "nosuch.gupta"},
               {"Si.sw Si8 cell=5.4,5.4\n", ":1: expected a positive weight"},
               {"Si.sw Si8 cell=0\n", ":1: expected a positive weight"},
               {"Si.sw Si8 cell=5.4,5.4,5.4,5.4\n", ":1: expected a positive weight"},
               {"Si.sw Si8 cell=5.4 cell=5.4\n", ":1: expected a positive weight"},
               {"Si.sw Si8 1 cell=5.4 2\n", ":1: expected potential, formula, weight"},
               {"# one\nset shake\n", ":2: expected an option"},
               {"set shake=much\n", ":1: expected an option"},
               {"set nothing=1\nSi.sw Si8\n", "bad.tasks:1: learned"},
               {"set shake=-1\nSi.sw Si8\n", "bad.tasks:1: learned"}};
    hop_context *context;
    hop_trainer *t;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    const char *path = support_path("bad.tasks");
    support_write_file(path, bad[_i].text, strlen(bad[_i].text));
    ck_assert_int_lt(hop_trainer_new(context, "tbptt", path, NULL, &t), 0);
    ck_assert_ptr_null(t);
    ck_assert_msg(strstr(hop_error_message(context), bad[_i].says) != NULL, "%s",
                  hop_error_message(context));
    hop_context_free(context);
}
END_TEST

/* The main job's path, each allocation failing once: load, unroll, backpropagate, save the
   checkpoint and the model, load the model, search with it. */
typedef struct job {
    const char *method;
    char tasks[512];
} job;

static int main_job(hop_context *context, void *data) {
    const job *j = data;
    hop_trainer *t = NULL;
    hop_model *model = NULL, *loaded = NULL;
    hop_potential *potential = NULL;
    hop_structure *s = NULL;
    hop_optimizer *o = NULL;
    const char *path = support_path("torture.h5");
    int status = hop_trainer_new(context, j->method, j->tasks, NULL, &t);
    if (status == HOP_OK) {
        hop_trainer_set(t, "batch", 2);
        set_short(t, 4, 1, 100);
        status = hop_trainer_step(t);
    }
    if (status == HOP_OK)
        status = hop_trainer_save(t, path);
    if (status == HOP_OK)
        status = hop_trainer_model(t, &model);
    if (status == HOP_OK)
        status = hop_model_save(model, path);
    if (status == HOP_OK)
        status = hop_model_load(context, path, &loaded);
    if (status == HOP_OK)
        status = hop_potential_builtin(context, "AgAu.gupta", &potential);
    if (status == HOP_OK)
        status = hop_structure_random(context, "Ag3Au2", potential, 1, &s);
    if (status == HOP_OK)
        status = hop_optimizer_new(
            context, continuous(j->method) ? "learned-continuous" : "learned", s,
            potential, &o);
    if (status == HOP_OK)
        status = hop_optimizer_set_model(o, loaded);
    if (status == HOP_OK)
        hop_optimizer_set(o, "max_evaluations", 50);
    if (status == HOP_OK)
        status = hop_optimizer_run(o, s, NULL, NULL);
    const hop_structure *one = s;
    if (status >= 0)
        status = hop_structure_write(&one, 1, support_path("torture.xyz"));
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(potential);
    hop_model_free(loaded);
    hop_model_free(model);
    hop_trainer_free(t);
    return status;
}

START_TEST(every_allocation_of_the_main_job_fails_once) {
    job j = {.method = methods[_i]};
    snprintf(j.tasks, sizeof j.tasks, "%s", task_file());
    ck_assert_uint_gt(support_torture(main_job, &j), 50);
}
END_TEST

START_TEST(altered_checkpoints_are_refused) {
    hop_context *context;
    hop_trainer *t;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_trainer_new(context, "tbptt", task_file(), NULL, &t), HOP_OK);
    const char *path = support_path("whole.h5"), *broken = support_path("broken.h5");
    ck_assert_int_eq(hop_trainer_save(t, path), HOP_OK);
    hop_trainer_free(t);
    char *data;
    size_t size;
    ck_assert_int_eq(hop__file_read(context, path, 1 << 24, &data, &size), HOP_OK);
    for (size_t k = 0; k < 300; k++) {
        /* the last header lines are for people only; everything else is checked */
        size_t at = k < 60 ? k : 512 + (k * 7919) % (size - 512);
        data[at] = (char)(data[at] ^ 4);
        support_write_file(broken, data, size);
        ck_assert_int_lt(hop_trainer_load(context, broken, &t), 0);
        ck_assert_ptr_null(t);
        data[at] = (char)(data[at] ^ 4);
    }
    for (size_t cut = 1; cut < size; cut += size / 100) {
        support_write_file(broken, data, size - cut);
        ck_assert_int_lt(hop_trainer_load(context, broken, &t), 0);
    }
    hop_model *model;
    ck_assert_int_eq(hop_model_load(context, path, &model), HOP_ERROR_FORMAT);
    hop__release(context, data);
    hop_context_free(context);
}
END_TEST

/* Whole files with numbers that no training writes. */
START_TEST(checkpoints_out_of_range_are_refused) {
    hop_context *context;
    hop_trainer *t;
    const char *path = support_path("range.h5");
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_trainer_new(context, "tbptt", task_file(), NULL, &t), HOP_OK);
    switch (_i) {
    case 1: t->square[t->count - 1] = -1e-9; break;
    case 2: t->best = NAN; break;
    case 3: t->evaluations = -1; break;
    case 4: t->update = -1; break;
    case 5: t->moment[0] = INFINITY; break;
    case 6: t->options.batch = 0.0; break;
    default: break;
    }
    ck_assert_int_eq(hop_trainer_save(t, path), HOP_OK);
    hop_trainer_free(t);
    ck_assert_int_eq(hop_trainer_load(context, path, &t),
                     _i == 0 ? HOP_OK : HOP_ERROR_FORMAT);
    hop_trainer_free(t);
    hop_context_free(context);
}
END_TEST

/* Numbers that a method keeps: none that is not finite is read, and whatever else they are,
   the training goes on or says what is wrong. */
START_TEST(kept_numbers_out_of_range) {
    static const double values[] = {NAN, -1.0, 0.5, 7.0, 1e300};
    hop_context *context;
    hop_trainer *t;
    const char *path = support_path("kept.h5");
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    for (size_t v = 0; v < sizeof values / sizeof *values; v++)
        for (size_t k = 0; k < 4; k++) {
            ck_assert_int_eq(hop_trainer_new(context, "nres", task_file(), NULL, &t),
                             HOP_OK);
            set_small(t);
            ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
            ck_assert_uint_gt(t->keep_count, 4);
            t->keep[k] = values[v];
            ck_assert_int_eq(hop_trainer_save(t, path), HOP_OK);
            hop_trainer_free(t);
            int status = hop_trainer_load(context, path, &t);
            ck_assert_int_eq(status, isnan(values[v]) ? HOP_ERROR_FORMAT : HOP_OK);
            if (t)
                ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
            hop_trainer_free(t);
        }
    ck_assert_int_eq(hop_trainer_new(context, "ga", task_file(), NULL, &t), HOP_OK);
    set_small(t);
    ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
    t->keep_count--;
    ck_assert_int_eq(hop_trainer_save(t, path), HOP_OK);
    hop_trainer_free(t);
    ck_assert_int_eq(hop_trainer_load(context, path, &t), HOP_ERROR_FORMAT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "train/keep"));
    hop_context_free(context);
}
END_TEST

/* ---- what the strategies estimate ---- */

static hop_trainer *open_strategy(hop_context *context, const char *method,
                                  hop__evolution_worker **worker) {
    hop_trainer *t;
    void *state;
    ck_assert_int_eq(hop_trainer_new(context, method, task_file(), NULL, &t), HOP_OK);
    set_small(t);
    ck_assert_int_eq(hop_trainer_set(t, "batch", 1), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "clip", 1e9), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "horizon", 60), HOP_OK);
    ck_assert_int_eq(hop__evolution_create(t, context, &state), HOP_OK);
    *worker = state;
    return t;
}

/* Loss after `evaluations` of theta + sign noise. */
static double loss_of(hop_trainer *t, hop__evolution_worker *w, double sign,
                      hop__random random, double base, int64_t evaluations) {
    double loss;
    int64_t calls = 0;
    for (size_t k = 0; k < t->count; k++)
        w->weights[k] = hop__trainer_weights(t)[k] + sign * w->noise[k];
    ck_assert_int_eq(hop__rollouts_loss(t, &w->rollouts, w->weights, random, base,
                                        evaluations, &loss, &calls),
                     HOP_OK);
    return loss;
}

static double norm_over_sigma(const hop_trainer *t, const double *noise, double power) {
    double square = 0.0;
    for (size_t k = 0; k < t->count; k++)
        square += pow(noise[k] / pow(hop__evolution_sigma(t, k), power), 2.0);
    return sqrt(square);
}

/* The gradient of an episode of one pair has the length that the formula says; over the
   updates, pairs that are better on no side give none. */
START_TEST(clipped_losses) {
    hop_context *context;
    hop__evolution_worker *w;
    int moved = 0, still = 0;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    hop_trainer *t = open_strategy(context, "esmc", &w);
    for (int update = 0; update < 12; update++) {
        double base;
        int64_t calls = 0;
        hop__random random = hop__trainer_random(t, 0);
        const size_t k = hop__trainer_choose(t, &random, 0);
        ck_assert_int_eq(hop__rollouts_draw(t, &w->rollouts, k, &random, &base, &calls),
                         HOP_OK);
        hop__random noise = random;
        noise.position += UINT64_C(1) << 31;
        memset(w->noise, 0, t->count * sizeof *w->noise);
        const double own = loss_of(t, w, 1.0, noise, base, 60);
        hop__evolution_draw(t, &random, w->noise);
        const double up = loss_of(t, w, 1.0, noise, base, 60);
        const double down = loss_of(t, w, -1.0, noise, base, 60);
        const double gain = fabs(fmin(up, own) - fmin(down, own));
        const double expected = gain * norm_over_sigma(t, w->noise, 1.0);
        ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
        ck_assert_double_eq_tol(t->norm, expected, 1e-12 * (1.0 + expected));
        moved += gain > 0.0;
        still += up > own && down > own;
    }
    ck_assert_int_gt(moved, 3);
    ck_assert_int_gt(still, 0);
    hop__evolution_destroy(t, w);
    hop_trainer_free(t);
    hop_context_free(context);
}
END_TEST

/* A perturbation that lasts for one window is another estimate than one that lasts for the
   run, and both resume. */
START_TEST(persistent_strategies) {
    static double weights[2][NUMBERS];
    hop_context *context;
    hop_trainer *t;
    size_t count;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    for (int reuse = 0; reuse < 2; reuse++) {
        ck_assert_int_eq(hop_trainer_new(context, "nres", task_file(), NULL, &t),
                         HOP_OK);
        set_small(t);
        ck_assert_int_eq(hop_trainer_set(t, "reuse", reuse), HOP_OK);
        for (int k = 0; k < 6; k++)
            ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
        const char *path = support_path("persistent.h5");
        ck_assert_int_eq(hop_trainer_save(t, path), HOP_OK);
        hop_trainer_free(t);
        ck_assert_int_eq(hop_trainer_load(context, path, &t), HOP_OK);
        finish(t, weights[reuse], &count);
        hop_trainer_free(t);
    }
    ck_assert(memcmp(weights[0], weights[1], count * sizeof **weights) != 0);
    hop_context_free(context);
}
END_TEST

/* Validation: on its own systems, the same episodes each time, and the model is that of
   the lowest score. */
START_TEST(the_best_of_validation_is_kept) {
    static const char text[] = "Ag.gupta Ag7 1\nCu.gupta Cu6 validation\n";
    const char *path = support_path("validation.tasks");
    hop_context *context;
    hop_trainer *t;
    hop_model *model;
    hop_training_progress now = {.size = sizeof now};
    static double kept[NUMBERS];
    double best = INFINITY, *w;
    size_t count;
    support_write_file(path, text, strlen(text));
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_trainer_new(context, methods[_i], path, NULL, &t), HOP_OK);
    set_small(t);
    ck_assert_int_eq(hop_trainer_set(t, "validate", 3), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "validations", 4), HOP_OK);
    for (int update = 1; update <= 12; update++) {
        ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
        ck_assert_int_eq(hop_trainer_progress(t, &now), HOP_OK);
        ck_assert_int_eq(isinf(now.validation) != 0, update < 3);
        ck_assert_int_eq(hop_trainer_model(t, &model), HOP_OK);
        w = hop_model_parameters(model, &count);
        if (update % 3 == 0 && now.validation < best) {
            best = now.validation;
            memcpy(kept, w, count * sizeof *w);
        }
        if (update >= 3) {
            ck_assert_double_eq(now.best, best);
            ck_assert_mem_eq(w, kept, count * sizeof *w);
        }
        hop_model_free(model);
    }
    hop_trainer_free(t);
    hop_context_free(context);
}
END_TEST

START_TEST(policy_remembers_so_many_systems) {
    char text[129 * 16] = "";
    hop_context *c;
    hop_trainer *t;
    ck_assert_int_eq(hop_context_new(NULL, &c), HOP_OK);
    for (int k = 0; k < 129; k++)
        strcat(text, "Ag.gupta Ag4 1\n");
    ck_assert_int_eq(
        hop__trainer_make(c, "policy", "many.tasks", text, strlen(text), &t), HOP_OK);
    ck_assert_int_eq(hop_trainer_step(t), HOP_ERROR_RANGE);
    ck_assert_ptr_nonnull(strstr(hop_error_message(c), "at most 128 tasks, got 129"));
    hop_trainer_free(t);
    hop_context_free(c);
}
END_TEST

/* Cells and settings of a task file, as the searches get them. */
START_TEST(tasks_in_cells) {
    static const char text[] = "Si.sw Si8 2 cell=5.5\n"
                               "set shake=0.4 temperature=0.03\n"
                               "Si.sw Si16 cell=5.5,5.6,11 3\n"
                               "set shake=0.3\n"
                               "Si.sw Si9 validation\n";
    static const double edges[3][3] = {{5.5, 5.5, 5.5}, {5.5, 5.6, 11.0}, {0, 0, 0}};
    static const double weights[3] = {2.0, 3.0, 0.0};
    double shakes[3] = {0.0, 0.4, 0.3}, value;
    hop_context *c;
    hop_trainer *t;
    hop__searches s;
    ck_assert_int_eq(hop_context_new(NULL, &c), HOP_OK);
    ck_assert_int_eq(
        hop__trainer_make(c, "policy", "cells.tasks", text, strlen(text), &t), HOP_OK);
    ck_assert_int_eq(hop__searches_make(t, c, &s), HOP_OK);
    hop__options_reset(hop__settings_table("learned"), &s.optimizer[0]->settings);
    shakes[0] = s.optimizer[0]->settings.shake;
    for (size_t k = 0; k < 3; k++) {
        const hop_structure *x = s.structure[k];
        ck_assert_double_eq(t->tasks->task[k].weight, weights[k]);
        ck_assert_int_eq(hop_optimizer_get(s.optimizer[k], "shake", &value), HOP_OK);
        ck_assert_double_eq(value, shakes[k]);
        for (int a = 0; a < 9; a++)
            ck_assert_double_eq(x->cell[a], a % 4 == 0 ? edges[k][a / 4] : 0.0);
        for (int a = 0; a < 3; a++)
            ck_assert_int_eq(x->periodic[a], edges[k][a] > 0.0);
    }
    hop__searches_free(t, &s);
    hop_trainer_free(t);
    hop_context_free(c);
}
END_TEST

/* In a cell the hop network is taught as for clusters: its weights move, and a training is
   repeatable. */
START_TEST(hops_in_cells_are_learned) {
    static const char text[] =
        "set twist_weight=1 range=1.8\nSi.sw Si8 1 cell=5.43095\nSi.sw Si12 1 "
        "cell=5.43095,5.43095,8.15\n";
    static double weights[2][60000], before[60000];
    for (int run = 0; run < 2; run++) {
        size_t count;
        hop_context *c;
        hop_trainer *t;
        ck_assert_int_eq(hop_context_new(NULL, &c), HOP_OK);
        ck_assert_int_eq(
            hop__trainer_make(c, "policy", "cells.tasks", text, strlen(text), &t),
            HOP_OK);
        set_small(t);
        ck_assert_int_eq(hop_trainer_set(t, "horizon", 2000), HOP_OK);
        memcpy(before, hop__trainer_weights(t), t->count * sizeof *before);
        finish(t, weights[run], &count);
        ck_assert_uint_lt(count, 60000);
        ck_assert_mem_ne(before, hop__trainer_weights(t), t->count * sizeof *before);
        hop_trainer_free(t);
        hop_context_free(c);
    }
    ck_assert_mem_eq(weights[0], weights[1], sizeof weights[0]);
}
END_TEST

START_TEST(tasks_need_something_to_train_on) {
    static const char text[] = "Ag.gupta Ag7 validation\n";
    const char *path = support_path("none.tasks");
    hop_context *context;
    hop_trainer *t;
    support_write_file(path, text, strlen(text));
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_trainer_new(context, "tbptt", path, NULL, &t),
                     HOP_ERROR_FORMAT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "to train on"));
    hop_context_free(context);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("trainer");
    TCase *all = tcase_create("training");
    tcase_set_timeout(all, 300);
    tcase_add_loop_test(all, resumed_is_uninterrupted, 0, 12 * METHODS);
    tcase_add_loop_test(all, cancelled_is_uninterrupted, 0, METHODS);
    tcase_add_loop_test(all, bad_tasks_are_refused, 0, 15);
    tcase_add_loop_test(all, every_allocation_of_the_main_job_fails_once, 0, METHODS);
    tcase_add_loop_test(all, the_best_of_validation_is_kept, 0, METHODS);
    tcase_add_test(all, tasks_need_something_to_train_on);
    tcase_add_test(all, tasks_in_cells);
    tcase_add_test(all, hops_in_cells_are_learned);
    tcase_add_test(all, policy_remembers_so_many_systems);
    tcase_add_test(all, kept_numbers_out_of_range);
    tcase_add_test(all, persistent_strategies);
    tcase_add_test(all, clipped_losses);
    tcase_add_test(all, altered_checkpoints_are_refused);
    tcase_add_loop_test(all, checkpoints_out_of_range_are_refused, 0, 7);
    suite_add_tcase(suite, all);
    return support_main(suite);
}

/* A saved and resumed run is the run that never stopped; chains do not depend on
   threads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizers/optimizer.h"
#include "support/support.h"

static hop_context *context;
static hop_potential *potential;
static hop_structure *start;

static void setup(void) {
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu.gupta", &potential), HOP_OK);
    ck_assert_int_eq(hop_structure_random(context, "Ag7Au6", potential, 5, &start),
                     HOP_OK);
}

static void teardown(void) {
    hop_structure_free(start);
    hop_potential_free(potential);
    hop_context_free(context);
}

/* A model whose every network says something, and that knows a shape. */
static hop_model *noisy_model(uint64_t seed) {
    hop_model *model;
    size_t count;
    hop__random random = hop__random_start(seed, 1);
    ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);
    double *w = hop_model_parameters(model, &count);
    for (size_t k = 0; k < count; k++)
        w[k] = 0.2 * hop__random_normal(&random);
    ck_assert_int_eq(hop_model_add_shape(model, start, 1.0), HOP_OK);
    return model;
}

static hop_optimizer *make(const char *kind, hop_model *model) {
    hop_optimizer *o;
    ck_assert_int_eq(hop_optimizer_new(context, kind, start, potential, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "quenches", 0), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "fmax", 0.05), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 2000), HOP_OK);
    if (model)
        ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
    hop_optimizer_set(o, "tighten", 0); /* where there is such an option: something is
                                           left for polishing */
    if (strcmp(kind, "learned") == 0)
        for (int k = 0; k < 2; k++)
            ck_assert_int_eq(hop_optimizer_set(o, k ? "abandon" : "descend", 1),
                             HOP_OK);
    return o;
}

static void advance(hop_optimizer *o, hop_structure *s, int evaluations) {
    for (int k = 0; k < evaluations; k++) {
        ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
        ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
        ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
    }
}

/* What stands on the stack is not zero. */
static __attribute__((noinline)) void dirty_stack(void) {
    volatile unsigned char bytes[16384];
    for (size_t k = 0; k < sizeof bytes; k++)
        bytes[k] = 0xa5;
}

/* Settings that are no options of the kind are as in a new optimizer. */
START_TEST(all_settings) {
    const char *kind = hop_optimizer_kind((size_t)_i), *path = support_path("s.state");
    hop_optimizer *a = make(kind, NULL), *b = make(kind, NULL);
    ck_assert_int_eq(hop_optimizer_ask(a, start), HOP_OK);
    ck_assert_int_eq(hop_optimizer_save(a, path), HOP_OK);
    dirty_stack();
    ck_assert_int_eq(hop_optimizer_load(b, path), HOP_OK);
    ck_assert_mem_eq(&a->settings, &b->settings, sizeof a->settings);
    hop_optimizer_free(a);
    hop_optimizer_free(b);
}
END_TEST

/* Both runs to their end, question by question. */
static void stay_together(hop_optimizer *a, hop_optimizer *b) {
    hop_structure *s, *t;
    hop_progress p = {.size = sizeof p}, q = {.size = sizeof q};
    const size_t bytes = 3 * hop_structure_count(start) * sizeof(double);
    ck_assert_int_eq(hop_structure_copy(start, &s), HOP_OK);
    ck_assert_int_eq(hop_structure_copy(start, &t), HOP_OK);
    int status;
    while ((status = hop_optimizer_ask(a, s)) == HOP_OK) {
        ck_assert_int_eq(hop_optimizer_ask(b, t), HOP_OK);
        ck_assert_mem_eq(hop_structure_positions(s), hop_structure_positions(t), bytes);
        ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
        ck_assert_int_eq(hop_potential_evaluate(potential, t), HOP_OK);
        ck_assert_int_eq(hop_optimizer_tell(a, s), HOP_OK);
        ck_assert_int_eq(hop_optimizer_tell(b, t), HOP_OK);
    }
    ck_assert_int_eq(hop_optimizer_ask(b, t), status);
    ck_assert_mem_eq(hop_structure_positions(s), hop_structure_positions(t), bytes);
    ck_assert_mem_eq(hop_structure_forces(s), hop_structure_forces(t), bytes);
    ck_assert_int_eq(hop_optimizer_progress(a, &p), HOP_OK);
    ck_assert_int_eq(hop_optimizer_progress(b, &q), HOP_OK);
    ck_assert_int_eq(p.quenches, q.quenches);
    ck_assert_int_eq(p.evaluations, q.evaluations);
    ck_assert_int_ge(p.evaluations, 1900); /* less what polishing did not need */
    ck_assert(p.best_energy == q.best_energy);
    hop_structure_free(s);
    hop_structure_free(t);
}

/* Saved in the middle of a descent, after restarts and hops; and in the polishing. */
START_TEST(every_kind) {
    const char *kind = hop_optimizer_kind((size_t)_i);
    const bool hops =
        strcmp(kind, "basin-hopping") == 0 || strcmp(kind, "learned") == 0;
    const int moments[] = {1, 2, 37, 611, hops ? 1945 : 1913};
    hop_model *model = strncmp(kind, "learned", 7) == 0 ? noisy_model(3) : NULL;
    const char *path = support_path("run.state");
    hop_structure *s;
    ck_assert_int_eq(hop_structure_copy(start, &s), HOP_OK);
    for (size_t k = 0; k < sizeof moments / sizeof *moments; k++) {
        hop_optimizer *a = make(kind, model), *b = make(kind, model);
        ck_assert_int_eq(hop_optimizer_set(a, "seed", 17), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(a, "polish", 60), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(a, "fmax", hops ? 1e-12 : 0.05), HOP_OK);
        advance(a, s, moments[k]);
        int status = hop_optimizer_save(a, path);
        ck_assert_msg(status == HOP_OK, "%s: %s", kind, hop_error_message(context));
        ck_assert_msg(hop_optimizer_load(b, path) == HOP_OK, "%s: %s", kind,
                      hop_error_message(context));
        stay_together(a, b);
        hop_optimizer_free(a);
        hop_optimizer_free(b);
    }
    hop_structure_free(s);
    hop_model_free(model);
}
END_TEST

/* Saving disturbs nothing, a question that waits for its answer is asked again, and
   limits can be raised. */
START_TEST(waiting_question) {
    const char *path = support_path("waiting.state");
    hop_structure *s;
    double seed;
    ck_assert_int_eq(hop_structure_copy(start, &s), HOP_OK);
    hop_optimizer *a = make("basin-hopping", NULL), *b = make("basin-hopping", NULL);
    hop_optimizer *c = make("basin-hopping", NULL);
    ck_assert_int_eq(hop_optimizer_set(a, "seed", 4), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(c, "seed", 4), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(a, "max_evaluations", 500), HOP_OK);
    advance(a, s, 400);
    ck_assert_int_eq(hop_optimizer_ask(a, s), HOP_OK);
    ck_assert_int_eq(hop_optimizer_save(a, path), HOP_OK);
    ck_assert_int_eq(hop_optimizer_load(b, path), HOP_OK);
    ck_assert_int_eq(hop_optimizer_get(b, "seed", &seed), HOP_OK);
    ck_assert(seed == 4.0);
    ck_assert_int_eq(hop_optimizer_set(b, "max_evaluations", 2000), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(b, "shake", 1), HOP_ERROR_STATE);
    advance(c, s, 400);
    stay_together(c, b);
    hop_optimizer_free(a);
    hop_optimizer_free(b);
    hop_optimizer_free(c);
    hop_structure_free(s);
}
END_TEST

/* ---- what must be refused ---- */

static void refused(hop_optimizer *o, const char *path, int status, const char *word) {
    ck_assert_int_eq(hop_optimizer_load(o, path), status);
    ck_assert_msg(strstr(hop_error_message(context), word), "%s: %s", word,
                  hop_error_message(context));
    hop_optimizer_free(o);
}

static hop_optimizer *make_for(const char *formula, const char *name) {
    hop_structure *s;
    hop_optimizer *o;
    hop_potential *p;
    ck_assert_int_eq(hop_potential_builtin(context, name, &p), HOP_OK);
    ck_assert_int_eq(hop_structure_random(context, formula, p, 5, &s), HOP_OK);
    ck_assert_int_eq(hop_optimizer_new(context, "learned", s, p, &o), HOP_OK);
    hop_structure_free(s);
    hop_potential_free(p);
    return o;
}

START_TEST(of_another_run) {
    char path[512];
    hop_structure *s;
    hop_model *model = noisy_model(3), *other = noisy_model(4);
    snprintf(path, sizeof path, "%s", support_path("other.state"));
    ck_assert_int_eq(hop_structure_copy(start, &s), HOP_OK);
    hop_optimizer *a = make("learned", model);
    ck_assert_int_eq(hop_optimizer_save(a, path), HOP_ERROR_STATE);
    advance(a, s, 100);
    ck_assert_int_eq(hop_optimizer_save(a, path), HOP_OK);
    ck_assert_int_eq(hop_optimizer_load(a, path), HOP_ERROR_STATE);
    hop_optimizer_free(a);
    refused(make("basin-hopping", NULL), path, HOP_ERROR_ARGUMENT, "basin-hopping");
    refused(make("learned", NULL), path, HOP_ERROR_ARGUMENT, "model");
    refused(make("learned", other), path, HOP_ERROR_ARGUMENT, "model");
    refused(make_for("Ag7Au7", "AgAu.gupta"), path, HOP_ERROR_ARGUMENT, "14");
    refused(make_for("Ag6Au7", "AgAu.gupta"), path, HOP_ERROR_ARGUMENT, "atoms");
    refused(make_for("X13", "LJ.lj"), path, HOP_ERROR_ARGUMENT, "lennard-jones");
    refused(make("learned", model), "nowhere.state", HOP_ERROR_IO, "nowhere");
    hop_potential_free(potential);
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu-cutoff.gupta", &potential),
                     HOP_OK);
    hop_model_free(other);
    hop_model_free(model);
    hop_structure_free(s);
}
END_TEST

/* After a refusal the optimizer is as new. */
START_TEST(refused_and_new) {
    const char *path = support_path("kind.state");
    hop_structure *s;
    ck_assert_int_eq(hop_structure_copy(start, &s), HOP_OK);
    hop_optimizer *a = make("fire", NULL), *b = make("adam", NULL),
                  *c = make("adam", NULL);
    advance(a, s, 50);
    ck_assert_int_eq(hop_optimizer_save(a, path), HOP_OK);
    ck_assert_int_eq(hop_optimizer_load(b, path), HOP_ERROR_ARGUMENT);
    stay_together(c, b);
    hop_optimizer_free(a);
    hop_optimizer_free(b);
    hop_optimizer_free(c);
    hop_structure_free(s);
}
END_TEST

/* Any byte changed, any length cut: an error with a message. */
START_TEST(damaged) {
    char path[512], bad[512];
    static unsigned char data[1 << 20];
    hop_structure *s;
    snprintf(path, sizeof path, "%s", support_path("whole.state"));
    snprintf(bad, sizeof bad, "%s", support_path("damaged.state"));
    ck_assert_int_eq(hop_structure_copy(start, &s), HOP_OK);
    hop_optimizer *a = make("basin-hopping", NULL);
    advance(a, s, 300);
    ck_assert_int_eq(hop_optimizer_save(a, path), HOP_OK);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    const size_t size = fread(data, 1, sizeof data, f);
    fclose(f);
    ck_assert_uint_lt(size, sizeof data);
    for (size_t at = 0; at < size; at += 1 + size / 97) {
        data[at] ^= 0x10;
        support_write_file(bad, data, size);
        data[at] ^= 0x10;
        hop_optimizer *b = make("basin-hopping", NULL);
        ck_assert_int_lt(hop_optimizer_load(b, bad), 0);
        hop_optimizer_free(b);
        support_write_file(bad, data, at);
        b = make("basin-hopping", NULL);
        ck_assert_int_lt(hop_optimizer_load(b, bad), 0);
        hop_optimizer_free(b);
    }
    hop_optimizer_free(a);
    hop_structure_free(s);
}
END_TEST

/* ---- memory ---- */

static int save_and_load(hop_context *ctx, void *data) {
    const char *path = data;
    hop_potential *p = NULL;
    hop_structure *s = NULL;
    hop_optimizer *a = NULL, *b = NULL;
    int status = hop_potential_builtin(ctx, "AgAu.gupta", &p);
    if (status == HOP_OK)
        status = hop_structure_random(ctx, "Ag3Au3", p, 5, &s);
    if (status == HOP_OK)
        status = hop_optimizer_new(ctx, "basin-hopping", s, p, &a);
    if (status == HOP_OK)
        status = hop_optimizer_new(ctx, "basin-hopping", s, p, &b);
    if (status == HOP_OK)
        status = hop_optimizer_ask(a, s);
    if (status == HOP_OK)
        status = hop_optimizer_save(a, path);
    if (status == HOP_OK)
        status = hop_optimizer_load(b, path);
    hop_optimizer_free(a);
    hop_optimizer_free(b);
    hop_structure_free(s);
    hop_potential_free(p);
    return status;
}

START_TEST(memory) {
    char path[512];
    snprintf(path, sizeof path, "%s", support_path("memory.state"));
    ck_assert_uint_gt(support_torture(save_and_load, path), 10);
}
END_TEST

/* ---- chains ---- */

enum { CHAINS = 5 };

static double run_chains(int32_t threads, double ladder, hop_structure *s,
                         double accepted[CHAINS]) {
    hop_optimizer *chain[CHAINS];
    ck_assert_int_eq(hop_context_set_threads(context, threads), HOP_OK);
    for (int k = 0; k < CHAINS; k++) {
        chain[k] = make("basin-hopping", NULL);
        ck_assert_int_eq(hop_optimizer_set(chain[k], "seed", 10 + k), HOP_OK);
        ck_assert_int_eq(
            hop_optimizer_set(chain[k], "temperature", 0.01 * pow(ladder, k)), HOP_OK);
    }
    ck_assert_int_eq(hop_chains_run(chain, CHAINS, 100, s, NULL, NULL),
                     HOP_MAX_EVALUATIONS);
    double best = INFINITY;
    for (int k = 0; k < CHAINS; k++) {
        hop_progress p = {.size = sizeof p};
        ck_assert_int_eq(hop_optimizer_progress(chain[k], &p), HOP_OK);
        ck_assert_int_ge(p.evaluations, 1900);
        best = fmin(best, p.best_energy);
        accepted[k] = chain[k]->hops->accepted_energy;
        hop_optimizer_free(chain[k]);
    }
    ck_assert(*hop_structure_energy(s) == best);
    return best;
}

START_TEST(chains_and_threads) {
    double one[CHAINS], more[CHAINS], alone[CHAINS];
    hop_structure *s, *t;
    const size_t bytes = 3 * hop_structure_count(start) * sizeof(double);
    ck_assert_int_eq(hop_structure_copy(start, &s), HOP_OK);
    ck_assert_int_eq(hop_structure_copy(start, &t), HOP_OK);
    run_chains(1, 2.0, s, one);
    for (int32_t threads = 2; threads <= 4; threads++) {
        run_chains(threads, 2.0, t, more);
        ck_assert_mem_eq(one, more, sizeof one);
        ck_assert_mem_eq(hop_structure_positions(s), hop_structure_positions(t), bytes);
    }
    /* without a ladder each is the run it is alone, with one they meet */
    run_chains(2, 1.0, t, alone);
    hop_optimizer *o = make("basin-hopping", NULL);
    ck_assert_int_eq(hop_optimizer_set(o, "seed", 10), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "temperature", 0.01), HOP_OK);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_MAX_EVALUATIONS);
    ck_assert(o->hops->accepted_energy == alone[0]);
    ck_assert_int_ne(memcmp(alone, one, sizeof one), 0);
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_structure_free(t);
}
END_TEST

static int stop_at_once(void *user, const hop_progress *p) {
    *(int64_t *)user = p->evaluations;
    return 1;
}

START_TEST(chains_that_do_not_belong) {
    hop_structure *s;
    int64_t evaluations = 0;
    ck_assert_int_eq(hop_structure_copy(start, &s), HOP_OK);
    hop_optimizer *chain[3] = {make("basin-hopping", NULL), make("basin-hopping", NULL),
                               make_for("Ag7Au6", "AgAu.gupta")};
    ck_assert_int_eq(hop_chains_run(chain, 3, 10, s, NULL, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_chains_run(chain, 2, 0, s, NULL, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_chains_run(chain, 0, 10, s, NULL, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_chains_run(NULL, 1, 10, s, NULL, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_chains_run(chain, 2, 10, s, stop_at_once, &evaluations),
                     HOP_STOPPED);
    ck_assert_int_eq(evaluations, 20);
    hop_optimizer *twice[2] = {chain[0], chain[0]};
    ck_assert_int_eq(hop_chains_run(twice, 2, 10, s, NULL, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "chain 1: it is chain 0"));
    hop_optimizer_free(chain[1]);
    hop_structure_cell(start)[0] = 40.0;
    chain[1] = make("basin-hopping", NULL);
    ck_assert_int_eq(hop_chains_run(chain, 2, 10, s, NULL, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "cell"));
    hop_optimizer_free(chain[1]);
    chain[1] = NULL;
    ck_assert_int_eq(hop_chains_run(chain, 2, 10, s, NULL, NULL), HOP_ERROR_ARGUMENT);
    hop_optimizer_free(chain[0]);
    hop_optimizer_free(chain[2]);
    hop_structure_free(s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("saving");
    TCase *saving = tcase_create("saving"), *chains = tcase_create("chains");
    int kinds = 0;
    while (hop_optimizer_kind((size_t)kinds))
        kinds++;
    tcase_add_checked_fixture(saving, setup, teardown);
    tcase_add_loop_test(saving, all_settings, 0, kinds);
    tcase_add_loop_test(saving, every_kind, 0, kinds);
    tcase_add_test(saving, waiting_question);
    tcase_add_test(saving, of_another_run);
    tcase_add_test(saving, refused_and_new);
    tcase_add_test(saving, damaged);
    tcase_add_test(saving, memory);
    tcase_set_timeout(saving, 60);
    suite_add_tcase(suite, saving);
    tcase_add_checked_fixture(chains, setup, teardown);
    tcase_add_test(chains, chains_and_threads);
    tcase_add_test(chains, chains_that_do_not_belong);
    tcase_set_timeout(chains, 60);
    suite_add_tcase(suite, chains);
    return support_main(suite);
}

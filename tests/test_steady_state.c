/* Steady state allocates nothing: optimizers, potentials and training after their start. */
#include <string.h>

#include "support/support.h"

static support_allocator state;
static hop_context *context;

static void setup(void) {
    memset(&state, 0, sizeof state);
    hop_allocator allocator = support_allocator_for(&state);
    ck_assert_int_eq(hop_context_new(&allocator, &context), HOP_OK);
}

static void teardown(void) {
    hop_context_free(context);
    ck_assert_uint_eq(state.live, 0);
    ck_assert_uint_eq(state.damaged, 0);
}

/* ---- optimizers ---- */

static void ask_and_tell(hop_optimizer *o, hop_potential *potential, hop_structure *s) {
    ck_assert_msg(hop_optimizer_ask(o, s) == HOP_OK, "%s", hop_error_message(context));
    ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
    ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
}

/* With restarts and hops: a thousand evaluations are several quenches. */
START_TEST(optimizers) {
    const char *kind = hop_optimizer_kind((size_t)_i);
    hop_potential *potential;
    hop_structure *s;
    hop_optimizer *o;
    hop_progress p = {.size = sizeof p};
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu.gupta", &potential), HOP_OK);
    ck_assert_int_eq(hop_structure_random(context, "Ag7Au6", potential, 5, &s), HOP_OK);
    ck_assert_int_eq(hop_optimizer_new(context, kind, s, potential, &o), HOP_OK);
    /* with 0 the continuous kind goes through minima and begins no second descent */
    const bool endless = strcmp(kind, "learned-continuous") == 0;
    ck_assert_int_eq(hop_optimizer_set(o, "quenches", endless ? 1000 : 0), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "fmax", 0.1), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "polish", 0), HOP_OK);
    if (strcmp(kind, "learned") == 0) { /* shapes, too, are recalled */
        hop_model *model;
        ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);
        ck_assert_int_eq(hop_model_add_shape(model, s, 1.0), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
        hop_model_free(model);
    }
    for (int k = 0; k < 10; k++)
        ask_and_tell(o, potential, s);
    size_t calls = state.calls;
    for (int k = 0; k < 1000; k++)
        ask_and_tell(o, potential, s);
    ck_assert_int_eq(hop_optimizer_progress(o, &p), HOP_OK);
    ck_assert_int_eq(hop_optimizer_best(o, s), HOP_OK);
    ck_assert_msg(state.calls == calls, "%s: %zu allocations", kind,
                  state.calls - calls);
    ck_assert_int_gt(p.quenches, 2);
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(potential);
}
END_TEST

/* A cell that relaxes from a strained crystal, without an end. */
START_TEST(free_cell) {
    const int32_t numbers[1] = {47}, periodic[3] = {1, 1, 1};
    const int repeat[3] = {2, 2, 2};
    hop_potential *potential;
    hop_optimizer *o;
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu-cutoff.gupta", &potential),
                     HOP_OK);
    hop_structure *s =
        support_crystal(context, numbers, 1, 4.3, repeat, periodic, 0.2, 3);
    ck_assert_int_eq(hop_optimizer_new(context, "fire", s, potential, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "cell", 1), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "fmax", 1e-9), HOP_OK);
    for (int k = 0; k < 60; k++) /* the neighbour list has seen its longest */
        ask_and_tell(o, potential, s);
    size_t calls = state.calls;
    for (int k = 0; k < 60; k++)
        ask_and_tell(o, potential, s);
    ck_assert_uint_eq(state.calls, calls);
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(potential);
}
END_TEST

/* ---- potentials ---- */

static int springs(void *user, hop_structure *s) {
    (void)user;
    const size_t n = 3 * hop_structure_count(s);
    *hop_structure_energy(s) = 0.0;
    for (size_t k = 0; k < n; k++) {
        double x = hop_structure_positions(s)[k];
        *hop_structure_energy(s) += 0.5 * x * x;
        hop_structure_forces(s)[k] = -x;
    }
    return 0;
}

static const struct {
    const char *name;
    int32_t numbers[2];
    double lattice; /* 0: a cluster */
} systems[] = {{"AgAu.gupta", {47, 79}, 0.0},
               {"AgAu-cutoff.gupta", {47, 79}, 0.0},
               {"AgAu-cutoff.gupta", {47, 79}, 4.1},
               {"Si.sw", {14, 14}, 0.0},
               {"Si.sw", {14, 14}, 5.4},
               {"LJ.lj", {0, 0}, 0.0},
               {"cut.lj", {18, 18}, 5.3},
               {NULL, {47, 79}, 0.0}};
#define SYSTEMS ((int)(sizeof systems / sizeof *systems))

static hop_potential *potential_of(int k) {
    const hop_provider provider = {.size = sizeof provider, .evaluate = springs};
    static const char cut[] =
        "# UNITS: metal CITATION: none\nAr Ar 0.01 3.4 8.0 shift\n";
    hop_potential *potential;
    int status;
    if (!systems[k].name) {
        status = hop_potential_external(context, &provider, &potential);
    } else if (strcmp(systems[k].name, "cut.lj") == 0) {
        const char *path = support_path("cut.lj");
        support_write_file(path, cut, strlen(cut));
        status = hop_potential_load(context, path, &potential);
    } else {
        status = hop_potential_builtin(context, systems[k].name, &potential);
    }
    ck_assert_msg(status == HOP_OK, "%s", hop_error_message(context));
    return potential;
}

static hop_structure *structure_of(int k) {
    const int repeat[3] = {2, 2, 2};
    const bool crystal = systems[k].lattice > 0.0;
    const int32_t periodic[3] = {crystal, crystal, crystal};
    return support_crystal(context, systems[k].numbers, 2,
                           crystal                      ? systems[k].lattice
                           : systems[k].numbers[0] == 0 ? 1.6
                                                        : 4.5,
                           repeat, periodic, 0.1, 7);
}

/* Atoms that move a little and come back, so that lists are rebuilt but do not grow. */
START_TEST(potentials) {
    hop_potential *potential = potential_of(_i);
    hop_structure *s = structure_of(_i), *here;
    const size_t n = 3 * hop_structure_count(s);
    double v[96], hv[96];
    ck_assert_uint_le(n, 96);
    ck_assert_int_eq(hop_structure_copy(s, &here), HOP_OK);
    size_t calls = 0;
    for (int k = 0; k < 1100; k++) {
        memcpy(hop_structure_positions(s), hop_structure_positions(here),
               n * sizeof *v);
        support_rattle(s, 0.15, (uint64_t)(k % 50));
        for (size_t c = 0; c < n; c++)
            v[c] = (double)((c + (size_t)k) % 3) - 1.0;
        ck_assert_msg(hop_potential_evaluate(potential, s) == HOP_OK, "%s",
                      hop_error_message(context));
        ck_assert_int_eq(hop_potential_hessian_vector(potential, s, v, hv), HOP_OK);
        if (k == 99)
            calls = state.calls;
    }
    ck_assert_msg(state.calls == calls, "%s: %zu allocations",
                  systems[_i].name ? systems[_i].name : "external",
                  state.calls - calls);
    hop_structure_free(here);
    hop_structure_free(s);
    hop_potential_free(potential);
}
END_TEST

/* ---- training ---- */

static const struct {
    const char *method, *option;
    double value;
} methods[] = {{"tbptt", "windows", 1},
               {"policy", "horizon", 300},
               {"abandon", "horizon", 300},
               {"recall", "horizon", 300}};
#define METHODS ((int)(sizeof methods / sizeof *methods))

/* With validations. */
START_TEST(training) {
    const char *method = methods[_i].method;
    static const char tasks[] =
        "Ag.gupta Ag6 1\nAgAu.gupta Ag3Au4 1\nCu.gupta Cu5 validation\n";
    const char *path = support_path("steady.tasks");
    hop_trainer *t;
    support_write_file(path, tasks, strlen(tasks));
    ck_assert_int_eq(hop_trainer_new(context, method, path, NULL, &t), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "batch", 4), HOP_OK);
    const bool recall = strcmp(method, "recall") == 0;
    ck_assert_int_eq(
        hop_trainer_set(t, recall ? "updates" : "window", recall ? 1000 : 4), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, methods[_i].option, methods[_i].value), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "validate", 5), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "validations", 4), HOP_OK);
    for (int k = 0; k < 10; k++) /* each task has come */
        ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
    size_t calls = state.calls;
    for (int k = 0; k < 100; k++)
        ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
    ck_assert_msg(state.calls == calls, "%s: %zu allocations", method,
                  state.calls - calls);
    hop_trainer_free(t);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("steady_state");
    TCase *tests = tcase_create("steady_state");
    int kinds = 0;
    while (hop_optimizer_kind((size_t)kinds))
        kinds++;
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, optimizers, 0, kinds);
    tcase_add_test(tests, free_cell);
    tcase_add_loop_test(tests, potentials, 0, SYSTEMS);
    tcase_add_loop_test(tests, training, 0, METHODS);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

/* hop_potential_evaluate_many(): the bits of one evaluation after the other for any
   number of threads, whose errors are whose, cancelling, failing memory. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

#define COUNT 60

static hop_context *context;
static hop_potential *potential;
static hop_structure *structures[COUNT], *expected[COUNT];
static int32_t status[COUNT];

static void setup(void) {
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    potential = NULL;
    memset(structures, 0, sizeof structures);
    memset(expected, 0, sizeof expected);
}

static void teardown(void) {
    for (int k = 0; k < COUNT; k++) {
        hop_structure_free(structures[k]);
        hop_structure_free(expected[k]);
    }
    hop_potential_free(potential);
    hop_context_free(context);
}

/* Rattled crystals or random clusters, of sizes in no order. */
static void make_structures(const char *name, bool crystal) {
    ck_assert_msg(hop_potential_builtin(context, name, &potential) == HOP_OK, "%s",
                  hop_error_message(context));
    for (int k = 0; k < COUNT; k++) {
        char formula[32];
        snprintf(formula, sizeof formula, "Ag%dAu%d", 2 + k * 7 % 13, 1 + k * 5 % 11);
        if (crystal)
            structures[k] = support_crystal(
                context, (const int32_t[]){14}, 1, 4.4, (const int[]){1, 1 + k % 2, 1},
                (const int32_t[]){1, k % 3 != 0, 1}, 0.2, (uint64_t)k);
        else
            ck_assert_int_eq(hop_structure_random(context, formula, potential,
                                                  (uint64_t)k, &structures[k]),
                             HOP_OK);
        ck_assert_int_eq(hop_structure_copy(structures[k], &expected[k]), HOP_OK);
    }
}

static void check_same(const hop_structure *constant, const hop_structure *other,
                       int k) {
    hop_structure *a = (hop_structure *)constant, *b = (hop_structure *)other;
    size_t n = hop_structure_count(a);
    ck_assert_msg(
        !memcmp(hop_structure_energy(a), hop_structure_energy(b), 8) &&
            !memcmp(hop_structure_forces(a), hop_structure_forces(b), 24 * n) &&
            !memcmp(hop_structure_energies(a), hop_structure_energies(b), 8 * n) &&
            !memcmp(hop_structure_virial(a), hop_structure_virial(b), 48),
        "structure %d differs", k);
}

static const struct {
    const char *name;
    bool crystal;
} kinds[] = {{"AgAu.gupta", false}, {"AgAu-cutoff.gupta", false}, {"Si.sw", true}};

START_TEST(same_bits_as_one_by_one) {
    make_structures(kinds[_i].name, kinds[_i].crystal);
    for (int k = 0; k < COUNT; k++)
        ck_assert_int_eq(hop_potential_evaluate(potential, expected[k]), HOP_OK);
    for (int32_t threads = 1; threads <= 5; threads++) {
        ck_assert_int_eq(hop_context_set_threads(context, threads), HOP_OK);
        for (int round = 0; round < 3; round++) {
            for (int k = 0; k < COUNT; k++) {
                *hop_structure_energy(structures[k]) = 1.0;
                status[k] = 77;
            }
            /* now all, now a few, now all again */
            size_t count = round == 1 ? 7 : COUNT;
            ck_assert_int_eq(
                hop_potential_evaluate_many(potential, structures, count, status),
                HOP_OK);
            for (size_t k = 0; k < count; k++) {
                ck_assert_int_eq(status[k], HOP_OK);
                check_same(structures[k], expected[k], (int)k);
            }
            for (size_t k = count; k < COUNT; k++)
                ck_assert(status[k] == 77 &&
                          *hop_structure_energy(structures[k]) == 1.0);
        }
    }
}
END_TEST

/* Structures so large that each would use the threads by itself. */
START_TEST(large_structures) {
    ck_assert_int_eq(hop_potential_builtin(context, "Ar.lj", &potential), HOP_OK);
    for (int k = 0; k < 6; k++) {
        const int repeat[3] = {4, 4, 3 + k % 3};
        structures[k] = support_crystal(context, (const int32_t[]){18}, 1, 5.3, repeat,
                                        (const int32_t[]){0, 0, 0}, 0.2, (uint64_t)k);
        ck_assert_int_eq(hop_structure_copy(structures[k], &expected[k]), HOP_OK);
        ck_assert_int_eq(hop_potential_evaluate(potential, expected[k]), HOP_OK);
    }
    hop_context_set_threads(context, 3);
    for (int round = 0; round < 20; round++) {
        ck_assert_int_eq(hop_potential_evaluate_many(potential, structures, 6, status),
                         HOP_OK);
        for (int k = 0; k < 6; k++)
            check_same(structures[k], expected[k], k);
        ck_assert_int_eq(hop_potential_evaluate(potential, structures[round % 6]),
                         HOP_OK);
        check_same(structures[round % 6], expected[round % 6], round % 6);
    }
}
END_TEST

START_TEST(every_structure_has_its_own_error) {
    make_structures("AgAu.gupta", false);
    hop_context_set_threads(context, 1 + _i);
    hop_structure_positions(structures[41])[4] = NAN;
    hop_structure_numbers(structures[23])[0] = 29; /* copper, which it does not know */
    double *x = hop_structure_positions(structures[50]);
    memcpy(x + 3, x, 3 * sizeof *x); /* coincident */
    for (int round = 0; round < 20; round++) {
        memset(status, 0x55, sizeof status);
        int32_t *wanted = round % 2 ? NULL : status;
        ck_assert_int_eq(
            hop_potential_evaluate_many(potential, structures, COUNT, wanted),
            HOP_ERROR_ARGUMENT);
        const char *message = hop_error_message(context);
        ck_assert_msg(strncmp(message, "structure 23: ", 14) == 0 &&
                          strstr(message, "Cu"),
                      "%s", message);
        for (int k = 0; k < COUNT; k++) {
            int own = k == 23              ? HOP_ERROR_ARGUMENT
                      : k == 41 || k == 50 ? HOP_ERROR_NONFINITE
                                           : HOP_OK;
            if (wanted)
                ck_assert_int_eq(status[k], own);
            ck_assert_int_eq(!isnan(*hop_structure_energy(structures[k])),
                             own == HOP_OK);
        }
    }
}
END_TEST

START_TEST(bad_arguments) {
    make_structures("AgAu.gupta", false);
    hop_context_set_threads(context, 2);
    ck_assert_int_eq(hop_potential_evaluate_many(NULL, structures, 1, status),
                     HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_potential_evaluate_many(potential, NULL, 1, status),
                     HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_potential_evaluate_many(potential, NULL, 0, NULL), HOP_OK);
    ck_assert_int_eq(hop_potential_evaluate_many(potential, structures, 0, status),
                     HOP_OK);
    hop_structure *some[5];
    for (int what = 0; what < 2; what++) {
        memcpy(some, structures, sizeof some);
        some[3] = what == 0 ? NULL : some[1];
        for (int k = 0; k < 5; k++)
            *hop_structure_energy(structures[k]) = 1.0;
        memset(status, 0, sizeof status);
        ck_assert_int_eq(hop_potential_evaluate_many(potential, some, 5, status),
                         HOP_ERROR_ARGUMENT);
        const char *message = hop_error_message(context);
        ck_assert_msg(
            strstr(message, what == 0 ? "structure 3 is NULL" : "number 1 and 3"), "%s",
            message);
        for (int k = 0; k < 5; k++) {
            ck_assert_int_eq(status[k], HOP_ERROR_ARGUMENT);
            ck_assert(*hop_structure_energy(structures[k]) == 1.0);
        }
        ck_assert_int_eq(hop_potential_evaluate_many(potential, some, 5, NULL),
                         HOP_ERROR_ARGUMENT);
    }
    ck_assert_int_eq(hop_potential_evaluate_many(potential, structures, COUNT, NULL),
                     HOP_OK);
}
END_TEST

START_TEST(cancelled) {
    make_structures("AgAu.gupta", false);
    hop_context_set_threads(context, 1 + _i);
    ck_assert_int_eq(hop_potential_evaluate_many(potential, structures, COUNT, status),
                     HOP_OK);
    hop_cancel(context);
    ck_assert_int_eq(hop_potential_evaluate_many(potential, structures, COUNT, status),
                     HOP_STOPPED);
    for (int k = 0; k < COUNT; k++) {
        ck_assert_int_eq(status[k], HOP_STOPPED);
        ck_assert(isnan(*hop_structure_energy(structures[k])));
    }
    hop_cancel_clear(context);
    ck_assert_int_eq(hop_potential_evaluate_many(potential, structures, COUNT, status),
                     HOP_OK);
}
END_TEST

/* ---- external potentials ---- */

static struct {
    pthread_t thread;
    int calls, cancel_at;
    hop_structure *order[COUNT];
} seen;

static int provide(void *user, hop_structure *s) {
    (void)user;
    ck_assert(pthread_equal(pthread_self(), seen.thread));
    seen.order[seen.calls++] = s;
    if (seen.calls == seen.cancel_at)
        hop_cancel(context);
    size_t n = hop_structure_count(s);
    if (n == 14)
        return 3;
    if (n == 15)
        return -7;
    *hop_structure_energy(s) = (double)n;
    memset(hop_structure_forces(s), 0, 3 * n * sizeof(double));
    return 0;
}

START_TEST(external_potentials_are_asked_one_after_the_other) {
    make_structures("AgAu.gupta", false);
    hop_potential *external;
    hop_provider provider = {.size = sizeof provider, .evaluate = provide};
    ck_assert_int_eq(hop_potential_external(context, &provider, &external), HOP_OK);
    hop_context_set_threads(context, 4);
    memset(&seen, 0, sizeof seen);
    seen.thread = pthread_self();
    int first = HOP_OK;
    int result = hop_potential_evaluate_many(external, structures, COUNT, status);
    for (int k = 0; k < COUNT; k++) {
        size_t n = hop_structure_count(structures[k]);
        int own = n == 14 ? HOP_ERROR_NONFINITE : n == 15 ? HOP_ERROR_PROVIDER : HOP_OK;
        first = first == HOP_OK ? own : first;
        ck_assert_int_eq(status[k], own);
        ck_assert_ptr_eq(seen.order[k], structures[k]);
        if (own == HOP_OK)
            ck_assert(*hop_structure_energy(structures[k]) == (double)n);
    }
    ck_assert_int_lt(first, 0);
    ck_assert_int_eq(result, first);
    ck_assert_int_eq(seen.calls, COUNT);
    /* cancelled while it runs: an error before it still comes first */
    memset(&seen, 0, sizeof seen);
    seen.thread = pthread_self();
    seen.cancel_at = COUNT / 2;
    ck_assert_int_eq(hop_potential_evaluate_many(external, structures, COUNT, status),
                     first);
    ck_assert_int_eq(seen.calls, COUNT / 2);
    for (int k = COUNT / 2; k < COUNT; k++)
        ck_assert_int_eq(status[k], HOP_STOPPED);
    hop_potential_free(external);
}
END_TEST

/* ---- memory ---- */

static int small_batch(hop_context *inner, void *data) {
    hop_potential *p = NULL;
    hop_structure *s[6] = {NULL};
    int32_t own[6];
    hop_context_set_threads(inner, *(int *)data);
    int result = hop_potential_builtin(inner, "AgAu.gupta", &p);
    for (size_t k = 0; k < 6 && result == HOP_OK; k++)
        result = hop_structure_random(inner, "Ag5Au4", p, k, &s[k]);
    if (result == HOP_OK)
        result = hop_potential_evaluate_many(p, s, 6, own);
    for (size_t k = 0; k < 6; k++)
        hop_structure_free(s[k]);
    hop_potential_free(p);
    return result;
}

START_TEST(every_allocation_fails_once) {
    int threads = 1 + _i;
    ck_assert_uint_gt(support_torture(small_batch, &threads), 20);
}
END_TEST

START_TEST(steady_state_allocates_nothing) {
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *inner;
    hop_potential *p;
    hop_structure *s[40];
    ck_assert_int_eq(hop_context_new(&allocator, &inner), HOP_OK);
    ck_assert_int_eq(hop_context_set_threads(inner, 3), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(inner, "AgAu.gupta", &p), HOP_OK);
    for (size_t k = 0; k < 40; k++)
        ck_assert_int_eq(hop_structure_random(inner, "Ag19Au19", p, k, &s[k]), HOP_OK);
    /* a worker's memory grows with what happens to come to it first */
    for (int k = 0; k < 200; k++)
        ck_assert_int_eq(hop_potential_evaluate_many(p, s, 40, NULL), HOP_OK);
    size_t calls = state.calls;
    for (int k = 0; k < 200; k++)
        ck_assert_int_eq(hop_potential_evaluate_many(p, s, 40, NULL), HOP_OK);
    ck_assert_uint_eq(state.calls, calls);
    for (size_t k = 0; k < 40; k++)
        hop_structure_free(s[k]);
    hop_context_free(inner); /* kept alive by the potential */
    hop_potential_free(p);
    ck_assert_uint_eq(state.live, 0);
    ck_assert_uint_eq(state.damaged, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("batch");
    TCase *all = tcase_create("evaluate_many");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, same_bits_as_one_by_one, 0, 3);
    tcase_add_test(all, large_structures);
    tcase_add_loop_test(all, every_structure_has_its_own_error, 0, 4);
    tcase_add_test(all, bad_arguments);
    tcase_add_loop_test(all, cancelled, 0, 3);
    tcase_add_test(all, external_potentials_are_asked_one_after_the_other);
    tcase_add_loop_test(all, every_allocation_fails_once, 0, 3);
    tcase_add_test(all, steady_state_allocates_nothing);
    suite_add_tcase(suite, all);
    return support_main(suite);
}

/* The driver: its protocol, limits and outcomes, for every kind. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "optimizers/optimizer.h"
#include "support/support.h"

static const char *const kinds[] = {
    "gradient-descent",   "adam",  "fire",          "fire2",   "smooth-fire",
    "conjugate-gradient", "lbfgs", "basin-hopping", "learned", "learned-continuous"};
#define KINDS ((int)(sizeof kinds / sizeof *kinds))

static hop_context *context;
static hop_potential *potential;
static hop_structure *s;
static hop_optimizer *o;

static void open_kind(const char *kind, const char *formula) {
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu.gupta", &potential), HOP_OK);
    ck_assert_int_eq(hop_structure_random(context, formula, potential, 7, &s), HOP_OK);
    ck_assert_msg(hop_optimizer_new(context, kind, s, potential, &o) == HOP_OK, "%s",
                  hop_error_message(context));
}

static void close_all(void) {
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(potential);
    hop_context_free(context);
}

static void assert_says(const char *one, const char *other) {
    const char *message = hop_error_message(context);
    ck_assert_msg(strstr(message, one) && strstr(message, other), "%s", message);
}

START_TEST(relaxes_to_fmax) {
    open_kind(kinds[_i], "Ag7Au6");
    hop_optimizer_set(o, "quenches", 1);
    hop_optimizer_set(o, "fmax", 0.05);
    hop_optimizer_set(o, "max_evaluations", 20000);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
    double best = *hop_structure_energy(s);
    ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
    ck_assert_double_eq_tol(*hop_structure_energy(s), best, 1e-9);
    close_all();
}
END_TEST

START_TEST(budget_is_exact) {
    open_kind(kinds[_i], "Ag7Au6");
    hop_optimizer_set(o, "quenches", 0);
    hop_optimizer_set(o, "polish", 30);
    hop_optimizer_set(o, "max_evaluations", 500);
    int64_t told = 0;
    int status;
    double lowest = INFINITY;
    while ((status = hop_optimizer_ask(o, s)) == HOP_OK) {
        ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
        lowest = fmin(lowest, *hop_structure_energy(s));
        ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
        told++;
    }
    hop_progress p = {.size = sizeof p};
    ck_assert_int_eq(hop_optimizer_progress(o, &p), HOP_OK);
    ck_assert_int_eq(status, HOP_MAX_EVALUATIONS);
    ck_assert_int_eq(p.evaluations, told);
    ck_assert_int_le(told, 500);
    ck_assert_int_ge(told, 440);
    ck_assert_double_eq(*hop_structure_energy(s), lowest);
    close_all();
}
END_TEST

START_TEST(telling_without_being_asked) {
    open_kind(kinds[_i], "Ag3");
    ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_ERROR_STATE);
    ck_assert_str_ne(hop_error_message(context), "");
    ck_assert_int_eq(hop_optimizer_best(o, s), HOP_ERROR_STATE);
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
    hop_potential_evaluate(potential, s);
    ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
    ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_ERROR_STATE);
    ck_assert_int_eq(hop_optimizer_best(o, s), HOP_OK);
    close_all();
}
END_TEST

/* A host that goes only along x: the optimizer learns where the atoms are. */
START_TEST(adjusted_questions_are_what_is_told) {
    open_kind(kinds[_i], "Ag7Au6");
    double first[39];
    memcpy(first, hop_structure_positions(s), sizeof first);
    ck_assert_int_eq(hop_optimizer_adjust(o, s), HOP_ERROR_STATE);
    ck_assert_int_eq(hop_optimizer_adjust(o, NULL), HOP_ERROR_ARGUMENT);
    hop_structure_fixed(s)[3] = 1;
    hop_optimizer_free(o);
    ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o), HOP_OK);
    hop_optimizer_set(o, "quenches", 1);
    hop_optimizer_set(o, "fmax", 0.02);
    hop_optimizer_set(o, "max_evaluations", 20000);
    int status;
    double *x = hop_structure_positions(s), *f = hop_structure_forces(s);
    while ((status = hop_optimizer_ask(o, s)) == HOP_OK) {
        for (int a = 0; a < 39; a++)
            if (a % 3)
                x[a] = first[a];
        x[9] += 1.0; /* fixed: not heard */
        ck_assert_int_eq(hop_optimizer_adjust(o, s), HOP_OK);
        ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
        for (int a = 0; a < 39; a++)
            ck_assert_msg(a % 3 == 0 || x[a] == first[a], "%d moved", a);
        ck_assert_double_eq(x[9], first[9]);
        ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
        for (int a = 0; a < 39; a++)
            if (a % 3)
                f[a] = 0.0;
        ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
    }
    ck_assert_int_eq(status, HOP_CONVERGED);
    ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
    for (int a = 0; a < 39; a += 3)
        ck_assert(a == 9 || fabs(f[a]) < 0.02);
    hop_optimizer_free(o);
    ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
    x[0] = NAN;
    ck_assert_int_eq(hop_optimizer_adjust(o, s), HOP_ERROR_ARGUMENT);
    close_all();
}
END_TEST

START_TEST(refused_evaluations_come_nearer_then_end) {
    open_kind(kinds[_i], "Ag5Au3");
    double first[24];
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
    memcpy(first, hop_structure_positions(s), sizeof first);
    hop_potential_evaluate(potential, s);
    hop_optimizer_tell(o, s);
    double before = INFINITY;
    for (int k = 0; k < 8; k++) {
        ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
        double distance = 0.0;
        for (int a = 0; a < 24; a++)
            distance += pow(hop_structure_positions(s)[a] - first[a], 2.0);
        ck_assert(distance < before);
        before = distance;
        *hop_structure_energy(s) = NAN;
        hop_optimizer_tell(o, s);
    }
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_ERROR_NONFINITE);
    ck_assert(isfinite(*hop_structure_energy(s)));
    ck_assert_mem_eq(hop_structure_positions(s), first, sizeof first);
    close_all();
}
END_TEST

/* The reason stands in the message, whoever evaluates: which atoms are too close. */
START_TEST(start_that_cannot_be_evaluated) {
    open_kind(kinds[_i], "Ag3");
    double *x = hop_structure_positions(s);
    memcpy(x + 6, x + 3, 3 * sizeof(double));
    x[8] += 1e-300;
    hop_optimizer_free(o);
    ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_ERROR_NONFINITE);
    assert_says("the start cannot be evaluated", "atoms 1 and 2 are 0 apart");
    ck_assert_int_eq(hop_optimizer_best(o, s), HOP_ERROR_STATE);
    hop_optimizer_free(o);
    ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
    hop_potential_evaluate(potential, s);
    ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_ERROR_NONFINITE);
    assert_says("the start cannot be evaluated", "atoms 1 and 2 are 0 apart");
    assert_says("energy nan", "");
    close_all();
}
END_TEST

static int cannot(void *user, hop_structure *structure) {
    (void)user;
    (void)structure;
    return 17;
}

/* A provider's own answer. */
START_TEST(start_that_a_provider_refuses) {
    const hop_provider provider = {.size = sizeof provider, .evaluate = cannot};
    open_kind(kinds[_i], "Ag3");
    hop_optimizer_free(o);
    hop_potential_free(potential);
    ck_assert_int_eq(hop_potential_external(context, &provider, &potential), HOP_OK);
    ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_ERROR_NONFINITE);
    assert_says("the start cannot be evaluated", "code 17");
    close_all();
}
END_TEST

/* Neither another structure nor forces that are not finite do any harm: the run goes on
   to the minimum it would have found. */
START_TEST(told_what_cannot_be) {
    hop_structure *other, *third;
    open_kind(kinds[_i], "Ag7Au6");
    hop_optimizer_set(o, "quenches", 1);
    hop_optimizer_set(o, "polish", 0);
    hop_optimizer_set(o, "max_evaluations", 20000);
    ck_assert_int_eq(hop_structure_random(context, "Ag7Au5", potential, 7, &other),
                     HOP_OK);
    ck_assert_int_eq(hop_structure_random(context, "Ag6Au7", potential, 7, &third),
                     HOP_OK);
    hop_potential_evaluate(potential, other);
    hop_potential_evaluate(potential, third);
    ck_assert_int_eq(hop_optimizer_ask(o, other), HOP_ERROR_ARGUMENT);
    assert_says("ask", "13 atoms, got 12");
    int status, k = 0;
    while ((status = hop_optimizer_ask(o, s)) == HOP_OK) {
        ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
        if (k == 3) {
            ck_assert_int_eq(hop_optimizer_tell(o, other), HOP_ERROR_ARGUMENT);
            assert_says("tell", "13 atoms, got 12");
            ck_assert_int_eq(hop_optimizer_tell(o, third), HOP_ERROR_ARGUMENT);
            assert_says("atomic number", "got ");
        }
        if (k == 5)
            hop_structure_forces(s)[20] = NAN;
        if (k == 7)
            hop_structure_forces(s)[20] = -INFINITY;
        if (k == 9)
            hop_structure_forces(s)[20] = 1e120;
        ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
        ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_ERROR_STATE);
        assert_says("nothing was asked", "hop_optimizer_ask");
        k++;
    }
    ck_assert_int_eq(status, HOP_CONVERGED);
    ck_assert_int_gt(k, 10);
    hop_progress p = {.size = sizeof p};
    ck_assert_int_eq(hop_optimizer_progress(o, &p), HOP_OK);
    ck_assert_int_eq(p.evaluations, k);
    ck_assert_int_eq(hop_optimizer_best(o, other), HOP_ERROR_ARGUMENT);
    ck_assert(isfinite(*hop_structure_energy(s)));
    hop_structure_free(other);
    hop_structure_free(third);
    close_all();
}
END_TEST

/* Nothing to do, and nothing to hop to: one evaluation where one descent is wanted, and
   an end in any case. */
START_TEST(one_atom) {
    open_kind(kinds[_i], "Ag");
    for (int descents = 1; descents >= 0; descents--) {
        hop_optimizer_free(o);
        ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o),
                         HOP_OK);
        hop_optimizer_set(o, "quenches", descents);
        hop_optimizer_set(o, "max_evaluations", 50);
        int status = hop_optimizer_run(o, s, NULL, NULL);
        hop_progress p = {.size = sizeof p};
        hop_optimizer_progress(o, &p);
        if (descents)
            ck_assert_int_eq(p.evaluations, 1);
        ck_assert_int_eq(status, descents ? HOP_CONVERGED : HOP_MAX_EVALUATIONS);
        ck_assert(isfinite(*hop_structure_energy(s)));
    }
    close_all();
}
END_TEST

START_TEST(no_atoms) {
    const int32_t none[1] = {47};
    hop_structure *empty;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_structure_new(context, 0, none, &empty), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(empty);
    assert_says("1 to 100000000 atoms", "got 0");
    hop_context_free(context);
}
END_TEST

START_TEST(same_seed_same_bits) {
    double energy[2];
    for (int run = 0; run < 2; run++) {
        open_kind(kinds[_i], "Ag7Au6");
        hop_optimizer_set(o, "quenches", 0);
        hop_optimizer_set(o, "max_evaluations", 1500);
        hop_optimizer_run(o, s, NULL, NULL);
        energy[run] = *hop_structure_energy(s);
        close_all();
    }
    ck_assert_double_eq(energy[0], energy[1]);
}
END_TEST

START_TEST(all_atoms_fixed) {
    open_kind(kinds[_i], "Ag3");
    for (int i = 0; i < 3; i++)
        hop_structure_fixed(s)[i] = 1;
    hop_optimizer_free(o);
    ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o), HOP_OK);
    hop_optimizer_set(o, "quenches", 1);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
    hop_progress p = {.size = sizeof p};
    hop_optimizer_progress(o, &p);
    ck_assert_int_eq(p.evaluations, 1);
    /* with hops or restarts too: there is nowhere to go */
    hop_optimizer_free(o);
    ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o), HOP_OK);
    hop_optimizer_set(o, "quenches", 0);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
    hop_optimizer_progress(o, &p);
    ck_assert_int_eq(p.evaluations, 1);
    close_all();
}
END_TEST

START_TEST(bad_options_are_refused_with_reasons) {
    open_kind(kinds[_i], "Ag3");
    hop_optimizer *none = o;
    ck_assert_int_eq(hop_optimizer_set(o, "no_such_option", 1), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "no_such_option"));
    ck_assert_int_eq(hop_optimizer_set(o, "fmax", -1), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "fmax"));
    ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 1.5), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_optimizer_new(context, "nonsense", s, potential, &none),
                     HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(none);
    hop_optimizer_ask(o, s);
    ck_assert_int_eq(hop_optimizer_set(o, "seed", 2), HOP_ERROR_STATE);
    ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 9), HOP_OK);
    close_all();
}
END_TEST

START_TEST(cancelled) {
    open_kind(kinds[_i], "Ag3");
    hop_optimizer_ask(o, s);
    hop_potential_evaluate(potential, s);
    hop_optimizer_tell(o, s);
    hop_cancel(context);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_STOPPED);
    ck_assert(isfinite(*hop_structure_energy(s)));
    close_all();
}
END_TEST

static void rotate(const double r[9], const double *x, size_t n, double *out) {
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            out[3 * i + c] = r[3 * c] * x[3 * i] + r[3 * c + 1] * x[3 * i + 1] +
                             r[3 * c + 2] * x[3 * i + 2];
}

static bool hops(const char *kind) {
    return strcmp(kind, "basin-hopping") == 0 || strcmp(kind, "learned") == 0;
}

/* A run of a rotated start with rotated noise is the rotated run.  It begins at a shaken
   minimum: rounding errors grow a millionfold on the way down from a random cluster, which
   would hide whether the rules themselves are equivariant; for the same reason a kind that
   does not hop is followed to its minimum, not into the next random cluster, and one that
   hops to the beginning of its second descent.  Random weights, so that the network takes
   part. */
START_TEST(rotated_start_and_noise_give_the_rotated_run) {
    const double c = cos(0.7), d = sin(0.7);
    const double turn[9] = {c, -d * 0.6, d * 0.8, d, c * 0.6, -c * 0.8, 0.0, 0.8, 0.6};
    double expected[2][39];
    int steps = hops(kinds[_i]) ? 60 : 100;
    for (int run = 0; run < 2; run++) {
        open_kind(kinds[_i], "Ag7Au6");
        double *x = hop_structure_positions(s), start[39];
        hop_optimizer *relax;
        ck_assert_int_eq(hop_optimizer_new(context, "lbfgs", s, potential, &relax),
                         HOP_OK);
        ck_assert_int_eq(hop_optimizer_run(relax, s, NULL, NULL), HOP_CONVERGED);
        hop_optimizer_free(relax);
        support_rattle(s, 0.1, 3);
        memcpy(start, x, sizeof start);
        if (run == 1)
            rotate(turn, start, 13, x);
        hop_optimizer_free(o);
        ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o),
                         HOP_OK);
        if (run == 1)
            hop__optimizer_set_frame(o, turn);
        hop_optimizer_set(o, "quenches", hops(kinds[_i]) ? 0 : 1);
        hop_optimizer_set(o, "fmax", 1e-4);
        if (strcmp(kinds[_i], "learned") == 0)
            ck_assert_int_eq(hop_optimizer_set(o, "descend", 1), HOP_OK);
        if (strncmp(kinds[_i], "learned", 7) == 0) {
            hop_model *model;
            size_t count;
            ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);
            double *w = hop_model_parameters(model, &count);
            for (size_t k = 0; k < count; k++)
                w[k] += 0.03 * sin(1.0 + (double)k);
            ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
            hop_model_free(model);
        }
        for (int k = 0; k < steps; k++) {
            int status = hop_optimizer_ask(o, s);
            if (run == 0 && status == HOP_CONVERGED) {
                steps = k;
                break;
            }
            ck_assert_int_eq(status, HOP_OK);
            memcpy(expected[run], x, sizeof expected[run]);
            hop_potential_evaluate(potential, s);
            hop_optimizer_tell(o, s);
        }
        hop_progress p = {.size = sizeof p};
        hop_optimizer_progress(o, &p);
        ck_assert(p.quenches > 0 || !hops(kinds[_i]));
        close_all();
    }
    ck_assert_int_gt(steps, 10);
    double turned[39];
    rotate(turn, expected[0], 13, turned);
    for (int a = 0; a < 39; a++)
        ck_assert_double_eq_tol(turned[a], expected[1][a], 1e-9);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("optimizer");
    TCase *all = tcase_create("every kind");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, relaxes_to_fmax, 0, KINDS);
    tcase_add_loop_test(all, budget_is_exact, 0, KINDS);
    tcase_add_loop_test(all, telling_without_being_asked, 0, KINDS);
    tcase_add_loop_test(all, adjusted_questions_are_what_is_told, 0, KINDS);
    tcase_add_loop_test(all, refused_evaluations_come_nearer_then_end, 0, KINDS);
    tcase_add_loop_test(all, start_that_cannot_be_evaluated, 0, KINDS);
    tcase_add_loop_test(all, start_that_a_provider_refuses, 0, KINDS);
    tcase_add_loop_test(all, told_what_cannot_be, 0, KINDS);
    tcase_add_loop_test(all, one_atom, 0, KINDS);
    tcase_add_test(all, no_atoms);
    tcase_add_loop_test(all, same_seed_same_bits, 0, KINDS);
    tcase_add_loop_test(all, all_atoms_fixed, 0, KINDS);
    tcase_add_loop_test(all, bad_options_are_refused_with_reasons, 0, KINDS);
    tcase_add_loop_test(all, cancelled, 0, KINDS);
    tcase_add_loop_test(all, rotated_start_and_noise_give_the_rotated_run, 0, KINDS);
    suite_add_tcase(suite, all);
    return support_main(suite);
}

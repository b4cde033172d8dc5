/* The potential of the optimizer's own on which quenches are begun. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "optimizers/optimizer.h"
#include "support/support.h"

static hop_context *context;

static void set_up(void) { ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK); }

static void tear_down(void) { hop_context_free(context); }

static hop_potential *builtin(const char *name) {
    hop_potential *p;
    ck_assert_int_eq(hop_potential_builtin(context, name, &p), HOP_OK);
    return p;
}

static hop_optimizer *learned(hop_structure *s, hop_potential *p, double prior) {
    hop_optimizer *o;
    ck_assert_int_eq(hop_optimizer_new(context, "learned", s, p, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "descend", 0), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "prior", prior), HOP_OK);
    return o;
}

/* Evaluations of single descents from random starts, all in all; their mean energy. */
static int64_t descents(const char *potential, const char *formula, double prior,
                        double *mean) {
    hop_potential *p = builtin(potential);
    int64_t sum = 0;
    *mean = 0.0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        hop_structure *s;
        ck_assert_int_eq(hop_structure_random(context, formula, p, seed, &s), HOP_OK);
        hop_optimizer *o = learned(s, p, prior);
        ck_assert_int_eq(hop_optimizer_set(o, "quenches", 1), HOP_OK);
        ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
        hop_progress now = {.size = sizeof now};
        ck_assert_int_eq(hop_optimizer_progress(o, &now), HOP_OK);
        sum += now.evaluations;
        *mean += *s->energy / 12.0;
        hop_optimizer_free(o);
        hop_structure_free(s);
    }
    hop_potential_free(p);
    return sum;
}

static const struct {
    const char *potential, *formula;
    double share; /* of the evaluations, with some room above what was found */
} systems[] = {
    {"Pd.gupta", "Pd38", 0.5}, {"CuAu.gupta", "Cu19Au19", 0.55}, {"LJ.lj", "X38", 0.7}};

/* Fewer evaluations, and minima as low on average. */
START_TEST(descents_are_shorter) {
    double with, without;
    const int64_t many =
        descents(systems[_i].potential, systems[_i].formula, 0.0, &without);
    const int64_t few =
        descents(systems[_i].potential, systems[_i].formula, 300.0, &with);
    ck_assert_double_lt((double)few, systems[_i].share * (double)many);
    ck_assert_double_lt(with, without + 0.01 * fabs(without));
}
END_TEST

/* Twelve neighbours at the element's distance are at rest and bind with its energy. */
START_TEST(scales_are_those_of_the_elements) {
    hop_potential *p = builtin("Pd.gupta");
    hop_structure *s;
    const double g = 0.5 * (1.0 + sqrt(5.0));
    double before[39];
    ck_assert_int_eq(hop_structure_random(context, "Pd13", p, 1, &s), HOP_OK);
    memset(s->positions, 0, sizeof before);
    for (size_t k = 0; k < 12; k++) {
        s->positions[3 * (k + 1) + k / 4] = 1.4 * (k & 1 ? 1.0 : -1.0);
        s->positions[3 * (k + 1) + (k / 4 + 1) % 3] = 1.4 * g * (k & 2 ? 1.0 : -1.0);
    }
    memcpy(before, s->positions, sizeof before);
    hop_optimizer *o = learned(s, p, 300.0);
    ck_assert_int_eq(hop_optimizer_set(o, "quenches", 1), HOP_OK);
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
    double apart = 0.0;
    for (size_t c = 0; c < 3; c++)
        apart += pow(s->positions[3 + c] - s->positions[c], 2.0);
    ck_assert(memcmp(before, s->positions, sizeof before) != 0);
    ck_assert_double_eq_tol(sqrt(apart), o->units.length, 0.08 * o->units.length);
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(p);
}
END_TEST

/* Where it cannot help it does no harm: one atom, two, atoms in one place, fixed ones. */
START_TEST(odd_clusters) {
    hop_potential *p = builtin("AgCu.gupta");
    const char *formula[] = {"Ag", "AgCu", "Ag2Cu3", "Ag2Cu3"};
    hop_structure *s;
    ck_assert_int_eq(hop_structure_random(context, formula[_i], p, 1, &s), HOP_OK);
    if (_i == 2)
        memset(s->positions, 0, 3 * s->count * sizeof(double));
    if (_i == 3)
        s->fixed[0] = 1;
    hop_optimizer *o = learned(s, p, 100.0);
    ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 300), HOP_OK);
    const int status = hop_optimizer_run(o, s, NULL, NULL);
    if (_i == 2)
        ck_assert_int_eq(status, HOP_ERROR_NONFINITE);
    else
        ck_assert_int_ge(status, HOP_OK);
    ck_assert_int_eq(o->prior != NULL, _i != 3);
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(p);
}
END_TEST

/* A search that was saved goes on as if it had not been. */
START_TEST(resumed) {
    hop_potential *p = builtin("AgCu.gupta");
    hop_structure *s;
    const char *path = support_path("prior.run");
    double energy[2];
    ck_assert_int_eq(hop_structure_random(context, "Ag10Cu9", p, 1, &s), HOP_OK);
    for (int split = 0; split < 2; split++) {
        hop_optimizer *o = learned(s, p, 40.0);
        for (int k = 0; k < 2; k++) {
            ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 500 + 900 * k),
                             HOP_OK);
            ck_assert_int_ge(hop_optimizer_run(o, s, NULL, NULL), HOP_OK);
            if (k == 0 && split) {
                ck_assert_int_eq(hop_optimizer_save(o, path), HOP_OK);
                hop_optimizer_free(o);
                o = learned(s, p, 40.0);
                ck_assert_int_eq(hop_optimizer_load(o, path), HOP_OK);
            }
        }
        energy[split] = *s->energy;
        hop_optimizer_free(o);
        hop_structure_free(s);
        ck_assert_int_eq(hop_structure_random(context, "Ag10Cu9", p, 1, &s), HOP_OK);
    }
    ck_assert_double_eq(energy[0], energy[1]);
    hop_structure_free(s);
    hop_potential_free(p);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("prior");
    TCase *tc = tcase_create("prior");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, descents_are_shorter, 0, 3);
    tcase_add_test(tc, scales_are_those_of_the_elements);
    tcase_add_loop_test(tc, odd_clusters, 0, 4);
    tcase_add_test(tc, resumed);
    suite_add_tcase(suite, tc);
    return support_main(suite);
}

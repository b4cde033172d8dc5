/* The meta-gradient of truncated backpropagation against central differences. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "learning/unroll.h"
#include "support/support.h"

#define ATOMS 7
#define BEFORE                                                                         \
    9 /* steps before the window, so that pairs and states are carried in   \
                  */
#define WINDOW 8

typedef struct bench {
    hop_context *context;
    hop_potential *potential;
    hop_structure *start, *s;
    hop__policy *policy;
    hop__unroll *unroll;
    size_t weights;
    double *theta, *gradient, reference, lengths[ATOMS], energies[ATOMS];
    hop__units units;
} bench;

static void set_up(bench *b, const char *potential, const char *formula) {
    ck_assert_int_eq(hop_context_new(NULL, &b->context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(b->context, potential, &b->potential),
                     HOP_OK);
    ck_assert_int_eq(
        hop_structure_random(b->context, formula, b->potential, 5, &b->start), HOP_OK);
    ck_assert_int_eq(hop_structure_copy(b->start, &b->s), HOP_OK);
    ck_assert_int_eq(hop__policy_new(b->context, ATOMS, &b->policy), HOP_OK);
    ck_assert_int_eq(hop__unroll_new(b->context, ATOMS, BEFORE + WINDOW, &b->unroll),
                     HOP_OK);
    b->weights = hop__lstm_parameter_count(&hop__descend_shape);
    b->theta = calloc(b->weights, sizeof(double));
    b->gradient = calloc(b->weights, sizeof(double));
    hop__random random = hop__random_start(11, 3);
    for (size_t k = 0; k < b->weights; k++)
        b->theta[k] = 0.25 * hop__random_normal(&random);
    ck_assert_int_eq(hop__units_of(b->context, b->potential, ATOMS, b->s->numbers,
                                   &b->units, b->lengths, b->energies),
                     HOP_OK);
}

static void tear_down(bench *b) {
    free(b->theta);
    free(b->gradient);
    hop__unroll_free(b->unroll);
    hop__policy_free(b->policy);
    hop_structure_free(b->s);
    hop_structure_free(b->start);
    hop_potential_free(b->potential);
    hop_context_free(b->context);
}

/* The prefix is always run with the same weights, so that it is the constant that the
   truncated gradient takes it for. */
static double window_loss(bench *b, const double *prefix, const double *theta,
                          double *gradient) {
    int64_t calls = 0;
    double loss;
    memcpy(b->s->positions, b->start->positions, 3 * ATOMS * sizeof(double));
    hop__policy_system(b->policy, ATOMS, &b->units, b->lengths, b->energies, 0.1);
    ck_assert_int_eq(hop__unroll_forward(b->unroll, b->policy, prefix, b->potential,
                                         b->s, BEFORE, &calls),
                     HOP_OK);
    ck_assert_int_eq(hop__unroll_forward(b->unroll, b->policy, theta, b->potential,
                                         b->s, WINDOW, &calls),
                     HOP_OK);
    ck_assert_int_eq(hop__unroll_backward(b->unroll, b->policy, theta, b->potential,
                                          b->s, b->reference, &loss, gradient, &calls),
                     HOP_OK);
    return loss;
}

static double difference(bench *b, double *theta, const double *prefix, size_t k,
                         double h) {
    double keep = theta[k];
    theta[k] = keep + h;
    double up = window_loss(b, prefix, theta, NULL);
    theta[k] = keep - h;
    double down = window_loss(b, prefix, theta, NULL);
    theta[k] = keep;
    return (up - down) / (2.0 * h);
}

static void check_gradient(const char *potential, const char *formula) {
    bench b = {0};
    set_up(&b, potential, formula);
    b.reference = -1e4; /* below everything: the loss is smooth */
    double *prefix = malloc(b.weights * sizeof *prefix);
    memcpy(prefix, b.theta, b.weights * sizeof *prefix);
    window_loss(&b, prefix, b.theta, b.gradient);
    b.reference = *b.s->energy - 0.3 * b.units.energy;
    memset(b.gradient, 0, b.weights * sizeof *b.gradient);
    window_loss(&b, prefix, b.theta, b.gradient);
    double largest = 0.0, worst = 0.0;
    for (size_t k = 0; k < b.weights; k++)
        largest = fmax(largest, fabs(b.gradient[k]));
    ck_assert(largest > 1e-3);
    for (size_t k = 0; k < b.weights; k++) {
        double coarse = difference(&b, b.theta, prefix, k, 2e-5);
        double fine = difference(&b, b.theta, prefix, k, 1e-5);
        double exact = (4.0 * fine - coarse) / 3.0;
        double scale = fmax(fabs(b.gradient[k]), 1e-3 * largest);
        worst = fmax(worst, fabs(exact - b.gradient[k]) / scale);
    }
    ck_assert_msg(worst < 1e-6, "%s: worst relative error %g", formula, worst);
    free(prefix);
    tear_down(&b);
}

START_TEST(gradient_of_every_weight_alloy) { check_gradient("AgAu.gupta", "Ag4Au3"); }
END_TEST
START_TEST(gradient_of_every_weight_lennard_jones) { check_gradient("LJ.lj", "X7"); }
END_TEST
START_TEST(gradient_of_every_weight_silicon) { check_gradient("Si.sw", "Si7"); }
END_TEST

static Suite *unroll_suite(void) {
    Suite *suite = suite_create("unroll");
    TCase *gradients = tcase_create("gradients");
    tcase_set_timeout(gradients, 300);
    tcase_add_test(gradients, gradient_of_every_weight_alloy);
    tcase_add_test(gradients, gradient_of_every_weight_lennard_jones);
    tcase_add_test(gradients, gradient_of_every_weight_silicon);
    suite_add_tcase(suite, gradients);
    return suite;
}

int main(void) { return support_main(unroll_suite()); }

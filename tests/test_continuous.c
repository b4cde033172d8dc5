/* The continuous optimizer: its meta-gradient against central differences, its symmetry
   functions against a plain sum, its state as numbers. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/continuous_unroll.h"
#include "learning/symmetry_kernels.h"
#include "support/support.h"

#define ATOMS 7
#define BEFORE 9 /* steps before the window, so that states are carried in */
#define WINDOW 8

typedef struct bench {
    hop_context *context;
    hop_potential *potential;
    hop_structure *start, *s;
    hop__continuous *run;
    hop__continuous_unroll *unroll;
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
    ck_assert_int_eq(hop__continuous_new(b->context, ATOMS, NULL, &b->run), HOP_OK);
    ck_assert_int_eq(
        hop__continuous_unroll_new(b->context, ATOMS, BEFORE + WINDOW, &b->unroll),
        HOP_OK);
    b->weights = hop__lstm_parameter_count(&hop__continuous_shape);
    b->theta = calloc(b->weights, sizeof(double));
    b->gradient = calloc(b->weights, sizeof(double));
    hop__random random = hop__random_start(11, 3);
    for (size_t k = 0; k < b->weights; k++)
        b->theta[k] = 0.25 * hop__random_normal(&random);
    b->theta[b->weights - 1 - (HOP__C_HIDDEN + 1)] = 1.0; /* noise that matters */
    ck_assert_int_eq(hop__units_of(b->context, b->potential, ATOMS, b->s->numbers,
                                   &b->units, b->lengths, b->energies),
                     HOP_OK);
}

static void tear_down(bench *b) {
    free(b->theta);
    free(b->gradient);
    hop__continuous_unroll_free(b->unroll);
    hop__continuous_free(b->run);
    hop_structure_free(b->s);
    hop_structure_free(b->start);
    hop_potential_free(b->potential);
    hop_context_free(b->context);
}

static void begin(bench *b) {
    memcpy(b->s->positions, b->start->positions, 3 * ATOMS * sizeof(double));
    hop__continuous_system(b->run, ATOMS, &b->units, b->lengths, b->energies, 0.1, 50);
    hop__continuous_start(b->run, hop__random_start(4, 2));
}

/* The prefix is always run with the same weights, so that it is the constant that the
   truncated gradient takes it for. */
static double window_loss(bench *b, const double *prefix, const double *theta,
                          double *gradient) {
    int64_t calls = 0;
    double loss;
    begin(b);
    ck_assert_int_eq(hop__continuous_unroll_forward(b->unroll, b->run, prefix,
                                                    b->potential, b->s, BEFORE, &calls),
                     HOP_OK);
    ck_assert_int_eq(hop__continuous_unroll_forward(b->unroll, b->run, theta,
                                                    b->potential, b->s, WINDOW, &calls),
                     HOP_OK);
    ck_assert_int_eq(hop__continuous_unroll_backward(b->unroll, b->run, theta,
                                                     b->potential, b->s, b->reference,
                                                     &loss, gradient, &calls),
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

/* Every third weight: the others differ by nothing but their place. */
static void check_gradient(const char *potential, const char *formula) {
    bench b = {0};
    set_up(&b, potential, formula);
    b.reference = -1e4; /* below everything: the loss is smooth */
    double *prefix = malloc(b.weights * sizeof *prefix);
    memcpy(prefix, b.theta, b.weights * sizeof *prefix);
    window_loss(&b, prefix, b.theta, NULL);
    b.reference = b.run->best_energy - 0.3 * b.units.energy;
    window_loss(&b, prefix, b.theta, b.gradient);
    double largest = 0.0, worst = 0.0;
    for (size_t k = 0; k < b.weights; k++)
        largest = fmax(largest, fabs(b.gradient[k]));
    ck_assert(largest > 1e-3);
    for (size_t k = 0; k < b.weights; k += 3) {
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

START_TEST(gradient_alloy) { check_gradient("AgAu.gupta", "Ag4Au3"); }
END_TEST
START_TEST(gradient_lennard_jones) { check_gradient("LJ.lj", "X7"); }
END_TEST
START_TEST(gradient_silicon) { check_gradient("Si.sw", "Si7"); }
END_TEST

/* ---- the state as numbers ---- */

static void advance(bench *b, hop__continuous *run, size_t steps) {
    double step[3 * ATOMS];
    for (size_t t = 0; t < steps; t++) {
        ck_assert_int_eq(hop_potential_evaluate(b->potential, b->s), HOP_OK);
        hop__continuous_step(run, b->theta, b->s->positions, *b->s->energy,
                             b->s->forces, step, NULL);
        for (size_t a = 0; a < 3 * (size_t)ATOMS; a++)
            b->s->positions[a] += b->units.length * step[a];
    }
}

START_TEST(a_restored_run_has_the_same_bits) {
    bench b = {0};
    hop__continuous *other;
    double here[3 * ATOMS], straight[3 * ATOMS];
    set_up(&b, "AgAu.gupta", "Ag4Au3");
    double *state = malloc(hop__continuous_state_size(ATOMS) * sizeof *state);
    begin(&b);
    advance(&b, b.run, 20);
    hop__continuous_save(b.run, state);
    memcpy(here, b.s->positions, sizeof here);
    advance(&b, b.run, 20);
    memcpy(straight, b.s->positions, sizeof straight);
    ck_assert_int_eq(hop__continuous_new(b.context, ATOMS, NULL, &other), HOP_OK);
    hop__continuous_system(other, ATOMS, &b.units, b.lengths, b.energies, 0.1, 50);
    hop__continuous_restore(other, state);
    memcpy(b.s->positions, here, sizeof here);
    advance(&b, other, 20);
    ck_assert_mem_eq(b.s->positions, straight, sizeof straight);
    hop__continuous_free(other);
    free(state);
    tear_down(&b);
}
END_TEST

/* ---- symmetry functions ---- */

enum { MANY = 45, STRIDE = 48 };

static void plain(const double *x, const double *size, double length, double *out) {
    static const double radius[] = {1.5, 2.2, 3.0}, scale[] = {0.7, 0.2, 0.1};
    for (int i = 0; i < MANY; i++) {
        double sum[4] = {0};
        for (int j = 0; j < MANY; j++) {
            double square = 0.0;
            for (int c = 0; c < 3; c++)
                square += pow((x[3 * i + c] - x[3 * j + c]) / length, 2.0);
            for (int k = 0; k < 3 && j != i; k++)
                if (square < radius[k] * radius[k]) {
                    double g = pow(1.0 - square / (radius[k] * radius[k]), 3.0);
                    sum[k] += g;
                    sum[3] += k == 1 ? g * size[j] : 0.0;
                }
        }
        for (int k = 0; k < 3; k++)
            out[k * STRIDE + i] = scale[k] * sum[k] - 1.0;
        out[3 * STRIDE + i] = 2.0 * sum[3];
    }
}

static double random_cluster(double *x, double *size) {
    hop__random random = hop__random_start(3, 9);
    for (int a = 0; a < 3 * MANY; a++)
        x[a] = 9.0 * hop__random_uniform(&random);
    for (int i = 0; i < MANY; i++)
        size[i] = 0.1 * hop__random_normal(&random);
    return 2.7;
}

START_TEST(symmetry_functions_of_a_cluster) {
    double x[3 * MANY], size[MANY], expected[4 * STRIDE], out[4 * STRIDE];
    double last[4 * STRIDE] = {0};
    const double length = random_cluster(x, size);
    hop_context *context;
    hop__symmetry *s;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop__symmetry_new(context, MANY, NULL, &s), HOP_OK);
    plain(x, size, length, expected);
    const int best = (int)context->isa;
    for (int isa = HOP__ISA_BASE; isa <= best; isa++) {
        context->isa = (enum hop__isa)isa;
        memset(out, 0, sizeof out);
        hop__symmetry_forward(s, MANY, STRIDE, length, x, size, out);
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < MANY; i++)
                ck_assert_double_eq_tol(out[k * STRIDE + i], expected[k * STRIDE + i],
                                        1e-13);
        if (isa == HOP__ISA_AVX512)
            ck_assert_mem_eq(out, last, sizeof out);
        memcpy(last, out, sizeof out);
    }
    hop__symmetry_free(s);
    hop_context_free(context);
}
END_TEST

/* The cluster in a cell of its own size, whose images count: as so many atoms around. */
START_TEST(symmetry_functions_in_a_cell) {
    double x[3 * MANY], size[MANY], out[4 * STRIDE];
    const double length = random_cluster(x, size), edge = 9.5;
    int32_t numbers[MANY];
    hop_context *context;
    hop_structure *cell;
    hop__symmetry *s;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    for (int i = 0; i < MANY; i++)
        numbers[i] = 47;
    ck_assert_int_eq(hop_structure_new(context, MANY, numbers, &cell), HOP_OK);
    memcpy(cell->positions, x, sizeof x);
    for (int c = 0; c < 3; c++) {
        cell->cell[4 * c] = edge;
        cell->periodic[c] = 1;
    }
    ck_assert_int_eq(hop__symmetry_new(context, MANY, cell, &s), HOP_OK);
    hop__symmetry_forward(s, MANY, STRIDE, length, x, size, out);
    for (int i = 0; i < MANY; i++) {
        double sum = 0.0, weighted = 0.0;
        for (int j = 0; j < MANY; j++)
            for (int image = 0; image < 27; image++) {
                const int shift[3] = {image % 3 - 1, image / 3 % 3 - 1, image / 9 - 1};
                double square = 0.0;
                for (int c = 0; c < 3; c++)
                    square += pow(
                        (x[3 * j + c] + edge * shift[c] - x[3 * i + c]) / length, 2.0);
                if (square < 2.2 * 2.2 && (j != i || image != 13)) {
                    sum += pow(1.0 - square / (2.2 * 2.2), 3.0);
                    weighted += pow(1.0 - square / (2.2 * 2.2), 3.0) * size[j];
                }
            }
        ck_assert_double_eq_tol(out[STRIDE + i], 0.2 * sum - 1.0, 1e-12);
        ck_assert_double_eq_tol(out[3 * STRIDE + i], 2.0 * weighted, 1e-12);
    }
    hop__symmetry_free(s);
    hop_structure_free(cell);
    hop_context_free(context);
}
END_TEST

/* ---- the kind ---- */

/* Without limits of its own the run goes on through minima: it is told of more than one
   after the first has converged, and what is kept is the lowest. */
START_TEST(a_run_goes_on_through_minima) {
    hop_context *context;
    hop_potential *potential;
    hop_structure *s;
    hop_optimizer *o;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(context, "Ag.gupta", &potential), HOP_OK);
    ck_assert_int_eq(hop_structure_random(context, "Ag6", potential, 1, &s), HOP_OK);
    ck_assert_int_eq(hop_optimizer_new(context, "learned-continuous", s, potential, &o),
                     HOP_OK);
    hop_optimizer_set(o, "max_evaluations", 800);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_MAX_EVALUATIONS);
    hop_progress p = {.size = sizeof p};
    hop_optimizer_progress(o, &p);
    ck_assert_int_gt(p.evaluations, 700);
    ck_assert_double_eq(p.best_energy, *hop_structure_energy(s));
    ck_assert(hop__max_norm3(s->forces, 6) < 0.01);
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(potential);
    hop_context_free(context);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("continuous");
    TCase *tests = tcase_create("continuous");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, gradient_alloy);
    tcase_add_test(tests, gradient_lennard_jones);
    tcase_add_test(tests, gradient_silicon);
    tcase_add_test(tests, a_restored_run_has_the_same_bits);
    tcase_add_test(tests, symmetry_functions_of_a_cluster);
    tcase_add_test(tests, symmetry_functions_in_a_cell);
    tcase_add_test(tests, a_run_goes_on_through_minima);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

/* The LSTM against a plain loop, against central differences, and between variants. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "learning/features.h"
#include "learning/lstm.h"
#include "learning/rows_kernels.h"
#include "support/support.h"

static const hop__lstm_shape small = {5, 4, 3};
static const hop__lstm_shape uneven = {3, 7, 6};
static const hop__lstm_shape *const shapes[] = {&small, &uneven, &hop__descend_shape};
static const size_t row_counts[] = {1, 7, 8, 38, 55};
#define SHAPES (sizeof shapes / sizeof *shapes)
#define ROW_COUNTS (sizeof row_counts / sizeof *row_counts)

static double *numbers(size_t count, double scale, uint64_t stream) {
    double *x = malloc((count + 1) * sizeof *x);
    hop__random random = hop__random_start(7, stream);
    for (size_t k = 0; k < count; k++)
        x[k] = scale * hop__random_normal(&random);
    return x;
}

/* A chain of steps whose loss is a random linear form of every output and of the last
   states: all that a caller can differentiate. */
typedef struct chain {
    hop__lstm_shape shape;
    size_t rows, stride, steps, weight_count;
    double *weights, *x, *h, *c;        /* what the loss depends on */
    double *y_bar, *h_bar, *c_bar;      /* the linear form */
    double *h_now, *c_now, *y, *record; /* record: one for each step */
    double *d_weights, *d_x, *d_h, *d_c, *scratch;
} chain;

static chain make_chain(const hop__lstm_shape *shape, size_t rows, size_t steps) {
    const size_t stride = hop__lstm_stride(rows),
                 states = (size_t)shape->hidden * stride;
    const size_t in = (size_t)shape->inputs * stride,
                 out = (size_t)shape->outputs * stride;
    chain a = {.shape = *shape, .rows = rows, .stride = stride, .steps = steps};
    a.weight_count = hop__lstm_parameter_count(shape);
    a.weights = numbers(a.weight_count, 0.4, 1);
    a.x = numbers(steps * in, 0.7, 2);
    a.h = numbers(states, 0.5, 3);
    a.c = numbers(states, 0.8, 4);
    a.y_bar = numbers(steps * out, 1.0, 5);
    a.h_bar = numbers(states, 1.0, 6);
    a.c_bar = numbers(states, 1.0, 7);
    a.h_now = numbers(states, 0.0, 0);
    a.c_now = numbers(states, 0.0, 0);
    a.y = numbers(steps * out, 0.0, 0);
    a.record = numbers(steps * hop__lstm_record_size(shape, rows), 0.0, 0);
    a.d_weights = numbers(a.weight_count, 0.0, 0);
    a.d_x = numbers(steps * in, 0.0, 0);
    a.d_h = numbers(states, 0.0, 0);
    a.d_c = numbers(states, 0.0, 0);
    a.scratch = numbers(hop__lstm_scratch_size(shape, rows), 0.0, 0);
    return a;
}

static void free_chain(chain *a) {
    double *all[] = {a->weights, a->x,     a->h,     a->c,      a->y_bar,  a->h_bar,
                     a->c_bar,   a->h_now, a->c_now, a->y,      a->record, a->d_weights,
                     a->d_x,     a->d_h,   a->d_c,   a->scratch};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        free(all[k]);
}

static size_t inputs(const chain *a) { return (size_t)a->shape.inputs * a->stride; }
static size_t outputs(const chain *a) { return (size_t)a->shape.outputs * a->stride; }
static size_t states(const chain *a) { return (size_t)a->shape.hidden * a->stride; }

static void run_forward(chain *a, enum hop__isa isa) {
    const size_t record = hop__lstm_record_size(&a->shape, a->rows);
    memcpy(a->h_now, a->h, states(a) * sizeof(double));
    memcpy(a->c_now, a->c, states(a) * sizeof(double));
    for (size_t t = 0; t < a->steps; t++)
        hop__lstm_forward(isa, &a->shape, a->weights, a->rows, a->x + t * inputs(a),
                          a->h_now, a->c_now, a->y + t * outputs(a),
                          a->record + t * record);
}

static void run_backward(chain *a, enum hop__isa isa) {
    const size_t record = hop__lstm_record_size(&a->shape, a->rows);
    memset(a->d_weights, 0, a->weight_count * sizeof(double));
    memcpy(a->d_h, a->h_bar, states(a) * sizeof(double));
    memcpy(a->d_c, a->c_bar, states(a) * sizeof(double));
    for (size_t t = a->steps; t-- > 0;)
        hop__lstm_backward(isa, &a->shape, a->weights, a->rows, a->record + t * record,
                           a->y_bar + t * outputs(a), a->d_h, a->d_c,
                           a->d_x + t * inputs(a), a->d_weights, a->scratch);
}

/* Over the real rows only; long double so that differences of it are sharp. */
static long double form(const chain *a, const double *bar, const double *value,
                        size_t features) {
    long double sum = 0.0L;
    for (size_t k = 0; k < features; k++)
        for (size_t r = 0; r < a->rows; r++)
            sum += (long double)bar[k * a->stride + r] * value[k * a->stride + r];
    return sum;
}

static long double loss(chain *a) {
    run_forward(a, HOP__ISA_BASE);
    return form(a, a->y_bar, a->y, a->steps * (size_t)a->shape.outputs) +
           form(a, a->h_bar, a->h_now, (size_t)a->shape.hidden) +
           form(a, a->c_bar, a->c_now, (size_t)a->shape.hidden);
}

static double slope(chain *a, double *parameter, double h) {
    double keep = *parameter;
    *parameter = keep + h;
    long double up = loss(a);
    *parameter = keep - h;
    long double down = loss(a);
    *parameter = keep;
    return (double)((up - down) / (2.0L * h));
}

static void check_slope(chain *a, double *parameter, double found, const char *what,
                        size_t k) {
    double exact = (4.0 * slope(a, parameter, 1e-3) - slope(a, parameter, 2e-3)) / 3.0;
    ck_assert_msg(fabs(found - exact) <= 1e-9 * (1.0 + fabs(exact)),
                  "%s %zu, %zu rows, %zu steps: %.15g, by differences %.15g", what, k,
                  a->rows, a->steps, found, exact);
}

static void check_rows(chain *a, double *values, const double *found, size_t features,
                       const char *what) {
    for (size_t k = 0; k < features; k++)
        for (size_t r = 0; r < a->rows; r++)
            check_slope(a, values + k * a->stride + r, found[k * a->stride + r], what,
                        k);
}

static void check_gradient(const hop__lstm_shape *shape, size_t rows, size_t steps) {
    chain a = make_chain(shape, rows, steps);
    run_forward(&a, HOP__ISA_BASE);
    run_backward(&a, HOP__ISA_BASE);
    for (size_t k = 0; k < a.weight_count; k++)
        check_slope(&a, &a.weights[k], a.d_weights[k], "weight", k);
    check_rows(&a, a.x, a.d_x, steps * (size_t)shape->inputs, "input");
    check_rows(&a, a.h, a.d_h, (size_t)shape->hidden, "h");
    check_rows(&a, a.c, a.d_c, (size_t)shape->hidden, "c");
    free_chain(&a);
}

START_TEST(gradient_of_one_step) {
    for (size_t k = 0; k < ROW_COUNTS; k++) {
        check_gradient(&small, row_counts[k], 1);
        check_gradient(&uneven, row_counts[k], 1);
    }
    check_gradient(&hop__descend_shape, 7, 1);
}
END_TEST

START_TEST(gradient_of_chained_steps) {
    for (size_t k = 0; k < ROW_COUNTS; k++)
        check_gradient(&small, row_counts[k], 4);
    check_gradient(&hop__descend_shape, 7, 5);
}
END_TEST

START_TEST(weights_gradient_is_added) {
    chain a = make_chain(&small, 7, 1);
    run_forward(&a, HOP__ISA_BASE);
    run_backward(&a, HOP__ISA_BASE);
    double *once = numbers(a.weight_count, 0.0, 0);
    memcpy(once, a.d_weights, a.weight_count * sizeof *once);
    memcpy(a.d_h, a.h_bar, states(&a) * sizeof(double));
    memcpy(a.d_c, a.c_bar, states(&a) * sizeof(double));
    hop__lstm_backward(HOP__ISA_BASE, &a.shape, a.weights, a.rows, a.record, a.y_bar,
                       a.d_h, a.d_c, a.d_x, a.d_weights, a.scratch);
    for (size_t k = 0; k < a.weight_count; k++)
        ck_assert_double_eq(a.d_weights[k], 2.0 * once[k]);
    free(once);
    free_chain(&a);
}
END_TEST

/* ---- the plain loop ---- */

static double plain_sum(const double *weights, size_t columns, size_t o,
                        const double *in, size_t first, const double *more,
                        size_t second) {
    double sum = weights[o * columns + columns - 1];
    for (size_t k = 0; k < first; k++)
        sum += weights[o * columns + k] * in[k];
    for (size_t k = 0; k < second; k++)
        sum += weights[o * columns + first + k] * more[k];
    return sum;
}

static double plain_sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

static void plain_row(const hop__lstm_shape *shape, const double *weights,
                      const double *x, double *h, double *c, double *y) {
    const size_t in = (size_t)shape->inputs, n = (size_t)shape->hidden,
                 all = in + n + 1;
    double old[16];
    memcpy(old, h, n * sizeof *old);
    for (size_t k = 0; k < n; k++) {
        double i = plain_sigmoid(plain_sum(weights, all, k, x, in, old, n));
        double f = plain_sigmoid(1.0 + plain_sum(weights, all, n + k, x, in, old, n));
        double g = tanh(plain_sum(weights, all, 2 * n + k, x, in, old, n));
        double o = plain_sigmoid(plain_sum(weights, all, 3 * n + k, x, in, old, n));
        c[k] = f * c[k] + i * g;
        h[k] = o * tanh(c[k]);
    }
    for (size_t k = 0; k < (size_t)shape->outputs; k++)
        y[k] = plain_sum(weights + 4 * n * all, n + 1, k, h, n, NULL, 0);
}

static void gather(const double *from, size_t features, size_t stride, size_t row,
                   double *to) {
    for (size_t k = 0; k < features; k++)
        to[k] = from[k * stride + row];
}

static double distance(const double *plain, const double *found, size_t features,
                       size_t stride, size_t row) {
    double worst = 0.0;
    for (size_t k = 0; k < features; k++)
        worst = fmax(worst, fabs(plain[k] - found[k * stride + row]));
    return worst;
}

static void check_against_plain(const hop__lstm_shape *shape, size_t rows) {
    chain a = make_chain(shape, rows, 3);
    const size_t in = (size_t)shape->inputs, n = (size_t)shape->hidden;
    run_forward(&a, HOP__ISA_BASE);
    for (size_t r = 0; r < rows; r++) {
        double x[32], h[16], c[16], y[16];
        gather(a.h, n, a.stride, r, h);
        gather(a.c, n, a.stride, r, c);
        for (size_t t = 0; t < a.steps; t++) {
            gather(a.x + t * inputs(&a), in, a.stride, r, x);
            plain_row(shape, a.weights, x, h, c, y);
            double error =
                distance(y, a.y + t * outputs(&a), (size_t)shape->outputs, a.stride, r);
            ck_assert_msg(error < 2e-14, "row %zu step %zu: y off by %g", r, t, error);
        }
        ck_assert(distance(h, a.h_now, n, a.stride, r) < 1e-14);
        ck_assert(distance(c, a.c_now, n, a.stride, r) < 1e-14);
    }
    free_chain(&a);
}

START_TEST(agrees_with_plain_loop) {
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t k = 0; k < ROW_COUNTS; k++)
            check_against_plain(shapes[s], row_counts[k]);
}
END_TEST

START_TEST(sizes) {
    ck_assert_uint_eq(hop__lstm_parameter_count(&small), 4 * 4 * (5 + 4 + 1) + 3 * 5);
    static const size_t expected[][2] = {{1, 8}, {7, 8}, {8, 8}, {9, 16}, {55, 56}};
    for (size_t k = 0; k < sizeof expected / sizeof *expected; k++)
        ck_assert_uint_eq(hop__lstm_stride(expected[k][0]), expected[k][1]);
}
END_TEST

/* ---- variants, padding, limits ---- */

static void same(const double *a, const double *b, size_t count, const char *what) {
    ck_assert_msg(memcmp(a, b, count * sizeof *a) == 0, "%s differ", what);
}

static void near(const double *a, const double *b, size_t count, const char *what) {
    double largest = 1.0;
    for (size_t k = 0; k < count; k++)
        largest = fmax(largest, fabs(a[k]));
    for (size_t k = 0; k < count; k++)
        ck_assert_msg(fabs(a[k] - b[k]) <= 2e-14 * largest, "%s differ by %g", what,
                      a[k] - b[k]);
}

typedef void comparison(const double *, const double *, size_t, const char *);

static enum hop__isa best_isa(void) {
    hop_context *context;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    enum hop__isa isa = context->isa;
    hop_context_free(context);
    return isa;
}

static void check_variants(const hop__lstm_shape *shape, size_t rows, enum hop__isa one,
                           enum hop__isa other, comparison *compare) {
    chain a = make_chain(shape, rows, 3), b = make_chain(shape, rows, 3);
    run_forward(&a, one);
    run_backward(&a, one);
    run_forward(&b, other);
    run_backward(&b, other);
    compare(a.y, b.y, a.steps * outputs(&a), "outputs");
    compare(a.h_now, b.h_now, states(&a), "h");
    compare(a.c_now, b.c_now, states(&a), "c");
    compare(a.record, b.record, a.steps * hop__lstm_record_size(shape, rows),
            "records");
    compare(a.d_weights, b.d_weights, a.weight_count, "gradients of weights");
    compare(a.d_x, b.d_x, a.steps * inputs(&a), "gradients of x");
    compare(a.d_h, b.d_h, states(&a), "gradients of h");
    compare(a.d_c, b.d_c, states(&a), "gradients of c");
    free_chain(&a);
    free_chain(&b);
}

/* AVX2 and AVX-512 fuse multiplications and additions, the portable variant does not. */
START_TEST(variants_agree) {
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t k = 0; k < ROW_COUNTS; k++) {
            if (best_isa() >= HOP__ISA_AVX2)
                check_variants(shapes[s], row_counts[k], HOP__ISA_BASE, HOP__ISA_AVX2,
                               near);
            if (best_isa() >= HOP__ISA_AVX512)
                check_variants(shapes[s], row_counts[k], HOP__ISA_AVX2, HOP__ISA_AVX512,
                               same);
        }
}
END_TEST

/* ---- rows ---- */

enum { MANY = 4096 };

static double within(double from, double to, size_t k) {
    return from + (to - from) * (double)k / (MANY - 1.0);
}

START_TEST(functions_of_rows) {
    static double x[MANY], y[MANY];
    for (int isa = HOP__ISA_BASE; isa <= (int)best_isa(); isa++) {
        for (size_t k = 0; k < MANY; k++)
            y[k] = within(-25.0, 25.0, k);
        hop__rows_tanh((enum hop__isa)isa, MANY, y);
        for (size_t k = 0; k < MANY; k++)
            ck_assert_double_eq_tol(y[k], tanh(within(-25.0, 25.0, k)), 1e-14);
        for (size_t k = 0; k < MANY; k++)
            x[k] = within(-3.0, 3.0, k);
        hop__rows_exp((enum hop__isa)isa, MANY, x, y);
        for (size_t k = 0; k < MANY; k++)
            ck_assert_double_eq_tol(y[k] / (1.0 + exp(x[k])),
                                    exp(x[k]) / (1.0 + exp(x[k])), 1e-14);
        for (size_t k = 0; k < MANY; k++)
            x[k] = y[k] = pow(10.0, within(-300.0, 300.0, k)) * within(0.5, 2.0, k);
        hop__rows_ln((enum hop__isa)isa, MANY, y);
        for (size_t k = 0; k < MANY; k++)
            ck_assert_double_eq_tol(y[k], log(x[k]), 4.5e-16 * fabs(log(x[k])) + 1e-16);
        for (size_t k = 0; k < MANY; k++)
            x[k] = y[k] = within(0.6, 1.6, k);
        hop__rows_ln((enum hop__isa)isa, MANY, y);
        for (size_t k = 0; k < MANY; k++)
            ck_assert_double_eq_tol(y[k], log(x[k]), 2e-16);
    }
}
END_TEST

/* Against the formula; the first and the last quarter turn among them. */
START_TEST(normal_rows) {
    static double x[MANY], y[MANY];
    for (int isa = HOP__ISA_BASE; isa <= (int)best_isa(); isa++) {
        for (size_t k = 0; k < MANY; k++) {
            x[k] = within(0x1p-53, 1.0 - 0x1p-53, (k * 1031) % MANY);
            y[k] = within(0x1p-53, 1.0 - 0x1p-53, k);
        }
        hop__rows_normal((enum hop__isa)isa, MANY, x, y);
        for (size_t k = 0; k < MANY; k++) {
            double radius =
                sqrt(-2.0 * log(within(0x1p-53, 1.0 - 0x1p-53, (k * 1031) % MANY)));
            double angle = 2.0 * acos(-1.0) * within(0x1p-53, 1.0 - 0x1p-53, k);
            ck_assert_double_eq_tol(x[k], radius * cos(angle), 2e-14);
            ck_assert_double_eq_tol(y[k], radius * sin(angle), 2e-14);
        }
    }
}
END_TEST

START_TEST(rows_have_the_same_bits) {
    static double x[2][MANY], e[2][MANY];
    if (best_isa() < HOP__ISA_AVX512)
        return;
    for (int v = 0; v < 2; v++) {
        const enum hop__isa isa = v ? HOP__ISA_AVX512 : HOP__ISA_AVX2;
        for (size_t k = 0; k < MANY; k++)
            x[v][k] = within(1e-12, 30.0, k);
        hop__rows_ln(isa, MANY, x[v]);
        hop__rows_exp(isa, MANY, x[v], e[v]);
        hop__rows_tanh(isa, MANY, x[v]);
    }
    same(x[0], x[1], MANY, "tanh ln");
    same(e[0], e[1], MANY, "exp ln");
    for (int v = 0; v < 2; v++) {
        for (size_t k = 0; k < MANY; k++) {
            x[v][k] = within(1e-12, 1.0, (k * 1031) % MANY);
            e[v][k] = within(1e-12, 1.0, k);
        }
        hop__rows_normal(v ? HOP__ISA_AVX512 : HOP__ISA_AVX2, MANY, x[v], e[v]);
    }
    same(x[0], x[1], MANY, "normal numbers");
    same(e[0], e[1], MANY, "normal numbers");
}
END_TEST

static void fill_padding(const chain *a, double *values, size_t features,
                         double filler) {
    for (size_t k = 0; k < features; k++)
        for (size_t r = a->rows; r < a->stride; r++)
            values[k * a->stride + r] = filler;
}

static void pad(chain *a, double x, double state) {
    fill_padding(a, a->x, a->steps * (size_t)a->shape.inputs, x);
    fill_padding(a, a->h, (size_t)a->shape.hidden, state);
    fill_padding(a, a->c, (size_t)a->shape.hidden, state);
    fill_padding(a, a->y_bar, a->steps * (size_t)a->shape.outputs, state);
    fill_padding(a, a->h_bar, (size_t)a->shape.hidden, state);
    fill_padding(a, a->c_bar, (size_t)a->shape.hidden, state);
}

static void check_padding(size_t rows, double x, double state) {
    chain a = make_chain(&small, rows, 3), b = make_chain(&small, rows, 3);
    pad(&a, 0.0, 0.0);
    pad(&b, x, state);
    run_forward(&a, best_isa());
    run_backward(&a, best_isa());
    run_forward(&b, best_isa());
    run_backward(&b, best_isa());
    same(a.d_weights, b.d_weights, a.weight_count, "gradients of weights");
    chain *both[] = {&a, &b};
    for (int k = 0; k < 2; k++) {
        fill_padding(both[k], both[k]->y, a.steps * (size_t)small.outputs, 0.0);
        fill_padding(both[k], both[k]->d_x, a.steps * (size_t)small.inputs, 0.0);
        fill_padding(both[k], both[k]->d_h, (size_t)small.hidden, 0.0);
    }
    same(a.y, b.y, a.steps * outputs(&a), "outputs");
    same(a.d_x, b.d_x, a.steps * inputs(&a), "gradients of x");
    same(a.d_h, b.d_h, states(&a), "gradients of h");
    free_chain(&a);
    free_chain(&b);
}

START_TEST(padding_reaches_no_row) {
    check_padding(1, 1e300, -1e300);
    check_padding(7, NAN, NAN);
    check_padding(38, NAN, INFINITY);
}
END_TEST

/* A row's result does not depend on how many others there are. */
START_TEST(rows_are_independent) {
    chain many = make_chain(&hop__descend_shape, 55, 1);
    run_forward(&many, best_isa());
    for (size_t r = 0; r < 55; r += 6) {
        chain one = make_chain(&hop__descend_shape, 1, 1);
        for (size_t k = 0; k < (size_t)one.shape.inputs; k++)
            one.x[k * one.stride] = many.x[k * many.stride + r];
        for (size_t k = 0; k < (size_t)one.shape.hidden; k++) {
            one.h[k * one.stride] = many.h[k * many.stride + r];
            one.c[k * one.stride] = many.c[k * many.stride + r];
        }
        run_forward(&one, best_isa());
        for (size_t k = 0; k < (size_t)one.shape.outputs; k++)
            ck_assert_double_eq(one.y[k * one.stride], many.y[k * many.stride + r]);
        free_chain(&one);
    }
    free_chain(&many);
}
END_TEST

START_TEST(saturated_gates_stay_finite) {
    static const double scales[] = {1e3, 1e8, 1e300};
    for (size_t s = 0; s < 3; s++) {
        chain a = make_chain(&small, 8, 4);
        for (size_t k = 0; k < a.steps * inputs(&a); k++)
            a.x[k] *= scales[s];
        run_forward(&a, best_isa());
        run_backward(&a, best_isa());
        for (size_t k = 0; k < a.steps * outputs(&a); k++)
            ck_assert(isfinite(a.y[k]));
        for (size_t k = 0; k < states(&a); k++)
            ck_assert(isfinite(a.h_now[k]) && fabs(a.h_now[k]) <= 1.0 &&
                      isfinite(a.c_now[k]) && isfinite(a.d_h[k]) && isfinite(a.d_c[k]));
        free_chain(&a);
    }
}
END_TEST

/* No weights but biases: y is the bias of the read-out, c halves as sigmoid(1) says. */
START_TEST(zero_weights) {
    chain a = make_chain(&small, 7, 1);
    memset(a.weights, 0, a.weight_count * sizeof(double));
    a.weights[a.weight_count - 1] = 0.25;
    run_forward(&a, HOP__ISA_BASE);
    for (size_t r = 0; r < a.rows; r++) {
        ck_assert_double_eq(a.y[2 * a.stride + r], 0.25);
        ck_assert_double_eq(a.y[r], 0.0);
        double c = a.c[r] / (1.0 + exp(-1.0));
        ck_assert_double_eq_tol(a.c_now[r], c, 1e-15);
        ck_assert_double_eq_tol(a.h_now[r], 0.5 * tanh(c), 1e-15);
    }
    free_chain(&a);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("lstm");
    TCase *tests = tcase_create("lstm");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, sizes);
    tcase_add_test(tests, agrees_with_plain_loop);
    tcase_add_test(tests, zero_weights);
    tcase_add_test(tests, gradient_of_one_step);
    tcase_add_test(tests, gradient_of_chained_steps);
    tcase_add_test(tests, weights_gradient_is_added);
    tcase_add_test(tests, variants_agree);
    tcase_add_test(tests, functions_of_rows);
    tcase_add_test(tests, normal_rows);
    tcase_add_test(tests, rows_have_the_same_bits);
    tcase_add_test(tests, padding_reaches_no_row);
    tcase_add_test(tests, rows_are_independent);
    tcase_add_test(tests, saturated_gates_stay_finite);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

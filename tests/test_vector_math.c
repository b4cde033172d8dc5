#include <float.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/vector_math.h"
#include "support/support.h"

/* Error in units in the last place of the exact value, held in long double. */
static double ulps(double got, long double exact) {
    int exponent;
    frexpl(exact, &exponent);
    return (double)(fabsl((long double)got - exact) /
                    ldexpl(1.0L, exponent - DBL_MANT_DIG));
}

START_TEST(test_exp_within_one_ulp) {
    hop__random random = hop__random_start(1, 0);
    double worst = 0.0;
    for (int k = 0; k < 1000000; k++) {
        double range = k % 4 == 0 ? 708.0 : k % 4 == 1 ? 40.0 : k % 4 == 2 ? 1.0 : 1e-3;
        double x = range * (2.0 * hop__random_uniform(&random) - 1.0);
        worst = fmax(worst, ulps(hop__exp(x), expl((long double)x)));
    }
    ck_assert_double_le(worst, 1.0);
}
END_TEST

START_TEST(test_exp_edges) {
    ck_assert_double_eq(hop__exp(0.0), 1.0);
    ck_assert_double_eq(hop__exp(-0.0), 1.0);
    ck_assert_double_eq(hop__exp(1e308), hop__exp(708.0));
    ck_assert_double_eq(hop__exp(INFINITY), hop__exp(708.0));
    ck_assert_double_eq(hop__exp(-1e308), hop__exp(-708.0));
    ck_assert_double_eq(hop__exp(-INFINITY), hop__exp(-708.0));
    ck_assert_double_le(ulps(hop__exp(708.0), expl(708.0L)), 1.0);
    ck_assert_double_le(ulps(hop__exp(-708.0), expl(-708.0L)), 1.0);
    ck_assert(isnan(hop__exp(NAN)));
}
END_TEST

START_TEST(test_log_within_one_ulp) {
    hop__random random = hop__random_start(2, 0);
    double worst = 0.0;
    for (int k = 0; k < 300000; k++) {
        double u = hop__random_uniform(&random);
        double x = k % 3 == 0   ? u
                   : k % 3 == 1 ? 0.9 + 0.2 * u
                                : exp(1400.0 * (u - 0.5));
        worst = fmax(worst, ulps(hop__ln(x), logl((long double)x)));
    }
    ck_assert_double_le(worst, 1.0);
    ck_assert_double_eq(hop__ln(1.0), 0.0);
    ck_assert_double_le(ulps(hop__ln(DBL_MIN), logl(DBL_MIN)), 1.0);
    ck_assert_double_le(ulps(hop__ln(DBL_MAX), logl(DBL_MAX)), 1.0);
}
END_TEST

START_TEST(test_log_edges) {
    ck_assert(isnan(hop__ln(NAN)) && isnan(hop__ln(-1.0)));
    ck_assert_double_eq(hop__ln(0.0), -INFINITY);
    ck_assert_double_eq(hop__ln(INFINITY), INFINITY);
}
END_TEST

START_TEST(test_power) {
    hop__random random = hop__random_start(6, 0);
    for (int k = 0; k < 100000; k++) {
        double x = 0.2 + 3.0 * hop__random_uniform(&random);
        double y = 12.0 * (2.0 * hop__random_uniform(&random) - 1.0);
        /* ln is wrong by 0.83 units of 2^-52, the product by another half, and an ulp
           is at least 2^-53 of its number */
        double bound = 1.0 + 2.0 * (0.83 + 0.5) * fabs(y * log(x));
        ck_assert_double_le(ulps(hop__power(x, y), powl(x, y)), bound);
    }
    ck_assert_double_eq(hop__power(3.0, 0.0), 1.0);
    ck_assert_double_eq(hop__power(1.0, 7.0), 1.0);
    ck_assert_double_eq(hop__power(1e200, 4.0), INFINITY);
    ck_assert_double_lt(hop__power(1e-200, 4.0), 1e-300);
    ck_assert(isnan(hop__power(NAN, 2.0)) && isnan(hop__power(-1.0, 2.0)));
}
END_TEST

START_TEST(test_turn) {
    hop__random random = hop__random_start(3, 0);
    const long double circle = 6.283185307179586476925286766559L;
    for (int k = 0; k < 200000; k++) {
        double turns = 2.0 * hop__random_uniform(&random) - 1.0, cosine, sine;
        hop__turn(turns, &cosine, &sine);
        ck_assert_double_le(fabs((double)(cosine - cosl(circle * turns))), 2.3e-16);
        ck_assert_double_le(fabs((double)(sine - sinl(circle * turns))), 2.3e-16);
    }
    static const double quarters[5][3] = {
        {0.0, 1, 0}, {0.25, 0, 1}, {0.5, -1, 0}, {0.75, 0, -1}, {1.0, 1, 0}};
    for (int k = 0; k < 5; k++) {
        double cosine, sine;
        hop__turn(quarters[k][0], &cosine, &sine);
        ck_assert_double_eq(cosine, quarters[k][1]);
        ck_assert_double_eq(sine, quarters[k][2]);
    }
}
END_TEST

START_TEST(test_sigmoid_and_tanh) {
    for (double x = -800.0; x <= 800.0; x += 0.37) {
        double sigmoid = hop__sigmoid(x), tangent = hop__tanh(x);
        ck_assert_double_eq_tol(sigmoid, (double)(1.0L / (1.0L + expl(-x))), 3e-16);
        ck_assert_double_eq_tol(tangent, (double)tanhl(x), 3e-16);
        ck_assert(sigmoid >= 0.0 && sigmoid <= 1.0 && fabs(tangent) <= 1.0);
        ck_assert_double_eq(hop__tanh(-x), -tangent);
    }
    ck_assert_double_eq(hop__tanh(0.0), 0.0);
    ck_assert(isnan(hop__sigmoid(NAN)) && isnan(hop__tanh(NAN)));
}
END_TEST

START_TEST(test_dot) {
    double a[37], b[37];
    for (size_t k = 0; k < 37; k++) {
        a[k] = (double)k - 11.0;
        b[k] = 3.0 * (double)k + 1.0;
    }
    for (size_t n = 0; n <= 37; n++) {
        double expected = 0.0; /* whole numbers: exact in any order */
        for (size_t k = 0; k < n; k++)
            expected += a[k] * b[k];
        ck_assert_double_eq(hop__dot(a, b, n), expected);
    }
}
END_TEST

/* The order of summation is part of the contract. */
START_TEST(test_dot_order) {
    hop__random random = hop__random_start(4, 0);
    double a[100], b[100], lanes[8] = {0};
    for (size_t k = 0; k < 100; k++) {
        a[k] = hop__random_normal(&random);
        b[k] = hop__random_normal(&random);
        volatile double product = a[k] * b[k];
        lanes[k % 8] += product;
    }
    double expected = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
                      ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
    ck_assert_double_eq(hop__dot(a, b, 100), expected);
}
END_TEST

START_TEST(test_add_scaled) {
    double y[11], x[11];
    for (size_t k = 0; k < 11; k++) {
        y[k] = (double)k;
        x[k] = 2.0 * (double)k;
    }
    hop__add_scaled(y, 3.0, x, 10);
    for (size_t k = 0; k < 10; k++)
        ck_assert_double_eq(y[k], 7.0 * (double)k);
    ck_assert_double_eq(y[10], 10.0);
}
END_TEST

START_TEST(test_all_finite) {
    double x[9] = {0, 1, -1, DBL_MAX, -DBL_MAX, DBL_MIN, 5e-324, -0.0, 3};
    ck_assert(hop__all_finite(x, 9));
    ck_assert(hop__all_finite(NULL, 0));
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < 9; k++)
        for (size_t b = 0; b < 3; b++) {
            double keep = x[k];
            x[k] = bad[b];
            ck_assert(!hop__all_finite(x, 9));
            x[k] = keep;
        }
}
END_TEST

START_TEST(test_max_norm3) {
    const double x[9] = {1, 2, 2, 0, -4, 3, 0.5, 0, 0};
    ck_assert_double_eq(hop__max_norm3(x, 3), 5.0);
    ck_assert_double_eq(hop__max_norm3(x, 1), 3.0);
    ck_assert_double_eq(hop__max_norm3(x, 0), 0.0);
}
END_TEST

START_TEST(test_invert3) {
    hop__random random = hop__random_start(5, 0);
    for (int k = 0; k < 1000; k++) {
        double m[9], inverse[9];
        for (int e = 0; e < 9; e++)
            m[e] = hop__random_normal(&random);
        if (fabs(hop__determinant3(m)) < 0.05)
            continue;
        ck_assert(hop__invert3(m, inverse));
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++) {
                double sum = 0.0;
                for (int c = 0; c < 3; c++)
                    sum += m[3 * i + c] * inverse[3 * c + j];
                ck_assert_double_eq_tol(sum, i == j, 1e-12);
            }
    }
}
END_TEST

START_TEST(test_determinant_and_singular) {
    const double right[9] = {2, 0, 0, 0, 3, 0, 0, 0, 4},
                 left[9] = {0, 3, 0, 2, 0, 0, 0, 0, 4};
    double inverse[9];
    ck_assert_double_eq(hop__determinant3(right), 24.0);
    ck_assert_double_eq(hop__determinant3(left), -24.0);
    ck_assert(hop__invert3(left, inverse));
    static const double bad[5][9] = {
        {0},
        {1, 2, 3, 2, 4, 6, 0, 0, 1},
        {1, 0, 0, 0, 1, 0, 1, 1, 1e-14},
        {1, 0, 0, 0, NAN, 0, 0, 0, 1},
        {INFINITY, 0, 0, 0, 1, 0, 0, 0, 1},
    };
    for (int k = 0; k < 5; k++)
        ck_assert(!hop__invert3(bad[k], inverse));
    const double small[9] = {1e-8, 0, 0, 0, 1e-8, 0, 0, 0, 1e-8};
    ck_assert(hop__invert3(small, inverse)); /* small is not singular */
    ck_assert_double_eq_tol(inverse[0], 1e8, 1.0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("vector_math");
    TCase *tests = tcase_create("vector_math");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_exp_within_one_ulp);
    tcase_add_test(tests, test_exp_edges);
    tcase_add_test(tests, test_log_within_one_ulp);
    tcase_add_test(tests, test_log_edges);
    tcase_add_test(tests, test_power);
    tcase_add_test(tests, test_turn);
    tcase_add_test(tests, test_sigmoid_and_tanh);
    tcase_add_test(tests, test_dot);
    tcase_add_test(tests, test_dot_order);
    tcase_add_test(tests, test_add_scaled);
    tcase_add_test(tests, test_all_finite);
    tcase_add_test(tests, test_max_norm3);
    tcase_add_test(tests, test_invert3);
    tcase_add_test(tests, test_determinant_and_singular);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

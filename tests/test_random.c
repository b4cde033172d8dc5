#include <math.h>
#include <string.h>

#include "base/random.h"
#include "support/support.h"

/* Known answers of the authors' Random123 library, kat_vectors, "philox4x32 10". */
START_TEST(test_philox_known_answers) {
    static const struct {
        uint32_t counter[4], key[2], expected[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t k = 0; k < 3; k++) {
        uint32_t words[4];
        memcpy(words, known[k].counter, sizeof words);
        hop__philox(words, known[k].key[0], known[k].key[1]);
        ck_assert_mem_eq(words, known[k].expected, sizeof words);
    }
}
END_TEST

START_TEST(test_bits_are_the_generators_words) {
    hop__random random = hop__random_start(0, 0);
    ck_assert_uint_eq(hop__random_bits(&random), 0xe169c58d6627e8d5u);
    ck_assert_uint_eq(hop__random_bits(&random), 0x9b00dbd8bc57ac4cu);
    random = hop__random_start(0x299f31d0a4093822u, 0x0370734413198a2eu);
    random.position = 2 * (uint64_t)0x05a308d3243f6a88u;
    uint32_t words[4] = {0x243f6a88, 0x05a308d3, 0x13198a2e, 0x03707344};
    hop__philox(words, 0xa4093822, 0x299f31d0);
    ck_assert_uint_eq(hop__random_bits(&random), words[0] | (uint64_t)words[1] << 32);
    ck_assert_uint_eq(hop__random_bits(&random), words[2] | (uint64_t)words[3] << 32);
}
END_TEST

START_TEST(test_streams_and_copies) {
    hop__random a = hop__random_start(7, 1), b = hop__random_start(7, 2);
    hop__random c = hop__random_start(8, 1);
    ck_assert_uint_ne(hop__random_bits(&a), hop__random_bits(&b));
    ck_assert_uint_ne(hop__random_bits(&b), hop__random_bits(&c));
    for (int k = 0; k < 5; k++)
        hop__random_normal(&a);
    hop__random copy = a; /* a checkpoint */
    for (int k = 0; k < 100; k++)
        ck_assert_double_eq(hop__random_normal(&a), hop__random_normal(&copy));
}
END_TEST

/* Mean and variance of n draws within 5 standard errors. */
static void check_moments(const double *x, size_t n, double mean, double variance,
                          double fourth) {
    double sum = 0.0, square = 0.0;
    for (size_t k = 0; k < n; k++)
        sum += x[k] - mean;
    for (size_t k = 0; k < n; k++)
        square += (x[k] - mean) * (x[k] - mean);
    double root = sqrt((double)n);
    ck_assert_double_lt(fabs(sum / (double)n), 5.0 * sqrt(variance) / root);
    ck_assert_double_lt(fabs(square / (double)n - variance),
                        5.0 * sqrt(fourth - variance * variance) / root);
}

enum { DRAWS = 200000 };
static double draws[DRAWS];

START_TEST(test_uniform) {
    hop__random random = hop__random_start(1, 0);
    size_t bins[16] = {0};
    for (size_t k = 0; k < DRAWS; k++) {
        draws[k] = hop__random_uniform(&random);
        ck_assert(draws[k] > 0.0 && draws[k] < 1.0);
        bins[(int)(16 * draws[k])]++;
    }
    check_moments(draws, DRAWS, 0.5, 1.0 / 12, 1.0 / 80);
    double chi = 0.0, expected = DRAWS / 16.0;
    for (int k = 0; k < 16; k++)
        chi += ((double)bins[k] - expected) * ((double)bins[k] - expected) / expected;
    ck_assert_double_lt(chi, 44.3); /* 1e-4 of chi-square, 15 degrees of freedom */
}
END_TEST

START_TEST(test_normal) {
    hop__random random = hop__random_start(2, 0);
    size_t inside = 0;
    for (size_t k = 0; k < DRAWS; k++) {
        draws[k] = hop__random_normal(&random);
        inside += fabs(draws[k]) < 1.0;
    }
    check_moments(draws, DRAWS, 0.0, 1.0, 3.0);
    ck_assert_double_lt(fabs((double)inside / DRAWS - 0.682689492), 0.0053);
}
END_TEST

/* log, sin and cos of the C library differ in last bits between processors; these words
   must not. */
START_TEST(test_normal_bits_are_frozen) {
    hop__random random = hop__random_start(42, 3);
    double sum = 0.0;
    for (int k = 0; k < 1000; k++)
        sum += hop__random_normal(&random);
    double unit[3];
    hop__random_direction(&random, unit);
    ck_assert_msg(sum == -0x1.cfca4fd2461fbp+4 && unit[0] == 0x1.fd5d52212a228p-3,
                  "%a %a", sum, unit[0]);
}
END_TEST

START_TEST(test_below) {
    hop__random random = hop__random_start(3, 0);
    size_t bins[7] = {0};
    for (int k = 0; k < 70000; k++) {
        size_t index = hop__random_below(&random, 7);
        ck_assert_uint_lt(index, 7);
        bins[index]++;
    }
    for (int k = 0; k < 7; k++)
        ck_assert_double_lt(fabs((double)bins[k] - 10000.0),
                            5.0 * sqrt(10000.0 * 6 / 7));
    ck_assert_uint_eq(hop__random_below(&random, 1), 0);
}
END_TEST

START_TEST(test_below_is_the_upper_half_of_the_product) {
    static const size_t bounds[] = {
        1,       2, 3, 1000003, 0xFFFFFFFFu, (size_t)1 << 32, ((size_t)1 << 40) + 12345,
        SIZE_MAX};
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++)
        for (uint64_t seed = 0; seed < 200; seed++) {
            hop__random random = hop__random_start(seed, 9), again = random;
            __extension__ typedef unsigned __int128 wide;
            wide product = (wide)hop__random_bits(&again) * bounds[b];
            ck_assert_uint_eq(hop__random_below(&random, bounds[b]),
                              (size_t)(product >> 64));
        }
}
END_TEST

START_TEST(test_direction) {
    hop__random random = hop__random_start(4, 0);
    double mean[3] = {0}, second[3] = {0};
    for (int k = 0; k < 50000; k++) {
        double u[3];
        hop__random_direction(&random, u);
        ck_assert_double_eq_tol(u[0] * u[0] + u[1] * u[1] + u[2] * u[2], 1.0, 1e-15);
        for (int c = 0; c < 3; c++) {
            mean[c] += u[c] / 50000;
            second[c] += u[c] * u[c] / 50000;
        }
    }
    for (int c = 0; c < 3; c++) {
        ck_assert_double_lt(fabs(mean[c]), 5.0 * sqrt(1.0 / 3 / 50000));
        ck_assert_double_lt(fabs(second[c] - 1.0 / 3), 5.0 * sqrt(4.0 / 45 / 50000));
    }
}
END_TEST

START_TEST(test_normal3) {
    hop__random a = hop__random_start(5, 0), b = a;
    double v[3];
    hop__random_normal3(&a, v);
    for (int c = 0; c < 3; c++)
        ck_assert_double_eq(v[c], hop__random_normal(&b));
}
END_TEST

/* Shares as the weights; never one of none, not even where rounding leaves a rest. */
START_TEST(test_weighted) {
    const double weight[6] = {0.0, 1.0, 0.0, 2.0, 5.0, 0.0};
    hop__random random = hop__random_start(5, 6);
    double bins[6] = {0.0};
    for (int k = 0; k < 80000; k++)
        bins[hop__random_weighted(&random, weight, 6, 8.0)] += 1.0 / 80000.0;
    for (int k = 0; k < 6; k++) {
        const double share = weight[k] / 8.0;
        ck_assert_double_le(fabs(bins[k] - share), 5.0 * sqrt(share / 80000.0));
    }
    for (int k = 0; k < 1000; k++) /* a total that is too large */
        ck_assert_uint_ne(hop__random_weighted(&random, weight, 6, 1e3), 5);
}
END_TEST

START_TEST(test_softmax) {
    const double logits[5] = {-INFINITY, 1000.0, 1000.0 + log(2.0), -INFINITY,
                              1000.0 - 800.0};
    size_t bins[5] = {0};
    hop__random random = hop__random_start(6, 0);
    for (int k = 0; k < 30000; k++)
        bins[hop__random_softmax(&random, logits, 5)]++;
    ck_assert_uint_eq(bins[0] + bins[3] + bins[4], 0);
    ck_assert_double_lt(fabs((double)bins[1] - 10000.0), 5.0 * sqrt(30000.0 * 2 / 9));
    const double one[3] = {-INFINITY, -INFINITY, -1e300};
    for (int k = 0; k < 100; k++)
        ck_assert_uint_eq(hop__random_softmax(&random, one, 3), 2);
}
END_TEST

START_TEST(filled_as_one_by_one) {
    for (size_t before = 0; before < 2; before++)
        for (size_t count = 0; count < 6; count++) {
            hop__random a = hop__random_start(5, 6), b = a;
            double many[6];
            for (size_t k = 0; k < before; k++)
                ck_assert_double_eq(hop__random_uniform(&a), hop__random_uniform(&b));
            hop__random_fill(&a, count, many);
            for (size_t k = 0; k < count; k++)
                ck_assert_double_eq(many[k], hop__random_uniform(&b));
            ck_assert_uint_eq(a.position, b.position);
        }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("random");
    TCase *tests = tcase_create("random");
    tcase_add_test(tests, test_philox_known_answers);
    tcase_add_test(tests, filled_as_one_by_one);
    tcase_add_test(tests, test_bits_are_the_generators_words);
    tcase_add_test(tests, test_streams_and_copies);
    tcase_add_test(tests, test_uniform);
    tcase_add_test(tests, test_normal);
    tcase_add_test(tests, test_normal_bits_are_frozen);
    tcase_add_test(tests, test_below);
    tcase_add_test(tests, test_below_is_the_upper_half_of_the_product);
    tcase_add_test(tests, test_direction);
    tcase_add_test(tests, test_normal3);
    tcase_add_test(tests, test_weighted);
    tcase_add_test(tests, test_softmax);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

/* The archive of minima: what is kept, counted, saved; how optimizers feed it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

static support_allocator state;
static hop_context *context;
static hop_potential *potential;

static void setup(void) {
    memset(&state, 0, sizeof state);
    hop_allocator allocator = support_allocator_for(&state);
    ck_assert_int_eq(hop_context_new(&allocator, &context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(context, "LJ.lj", &potential), HOP_OK);
}

static void teardown(void) {
    hop_potential_free(potential);
    hop_context_free(context);
    ck_assert_uint_eq(state.live, 0);
    ck_assert_uint_eq(state.damaged, 0);
}

#define GOOD(call)                                                                     \
    do {                                                                               \
        int got_ = (call);                                                             \
        ck_assert_msg(got_ == HOP_OK, "%s: %s: %s", #call, hop_status_name(got_),      \
                      hop_error_message(context));                                     \
    } while (0)

static hop_structure *with_energy(uint64_t seed, double energy) {
    hop_structure *s;
    GOOD(hop_structure_random(context, "X7", potential, seed, &s));
    *hop_structure_energy(s) = energy;
    return s;
}

static int32_t add(hop_archive *a, uint64_t shape, double energy, int64_t evaluation) {
    int32_t fresh = -1;
    hop_structure *s = with_energy(shape, energy);
    GOOD(hop_archive_add(a, s, evaluation, shape, &fresh));
    hop_structure_free(s);
    return fresh;
}

static hop_minimum about(const hop_archive *a, size_t k) {
    hop_minimum m = {.size = sizeof m};
    GOOD(hop_archive_minimum(a, k, &m, NULL));
    return m;
}

/* Same shape and energy: counted.  Same energy, another shape, or the other way round: two
   minima.  The highest goes when there is no room. */
START_TEST(distinct_and_lowest) {
    hop_archive *a;
    GOOD(hop_archive_new(context, 3, 1e-3, 0.1, &a));
    ck_assert_int_eq(add(a, 1, -5.0, 10), 1);
    ck_assert_int_eq(add(a, 1, -5.0005, 20), 0); /* lower: taken */
    ck_assert_int_eq(add(a, 1, -4.9999, 30), 0); /* higher: not */
    ck_assert_int_eq(add(a, 2, -5.0, 40), 1);
    ck_assert_int_eq(add(a, 1, -4.0, 50), 1);
    ck_assert_uint_eq(hop_archive_count(a), 3);
    ck_assert_int_eq(add(a, 3, -3.0, 60), 1); /* too high to be kept */
    ck_assert_uint_eq(hop_archive_count(a), 3);
    ck_assert_int_eq(add(a, 3, -6.0, 70), 1); /* pushes -4 out */
    ck_assert_uint_eq(hop_archive_count(a), 3);
    ck_assert_int_eq(hop_archive_seen(a), 7);
    ck_assert_double_eq(about(a, 0).energy, -6.0);
    ck_assert_int_eq(about(a, 0).seen, 1);
    ck_assert_int_eq(about(a, 0).evaluation, 70);
    ck_assert_uint_eq(about(a, 0).seed, 3);
    ck_assert_double_eq(about(a, 1).energy, -5.0005);
    ck_assert_int_eq(about(a, 1).seen, 3);
    ck_assert_int_eq(about(a, 1).evaluation, 10);
    ck_assert_double_eq(about(a, 2).energy, -5.0);
    hop_minimum none = {.size = sizeof none};
    ck_assert_int_eq(hop_archive_minimum(a, 3, &none, NULL), HOP_END);
    hop_archive_free(a);
    hop_archive_free(NULL);
}
END_TEST

static void same_archive(const hop_archive *a, const hop_archive *b) {
    ck_assert_uint_eq(hop_archive_count(a), hop_archive_count(b));
    ck_assert_int_eq(hop_archive_seen(a), hop_archive_seen(b));
    for (size_t k = 0; k < hop_archive_count(a); k++) {
        hop_structure *s, *t;
        hop_minimum p = {.size = sizeof p}, q = p;
        GOOD(hop_archive_minimum(a, k, &p, &s));
        GOOD(hop_archive_minimum(b, k, &q, &t));
        ck_assert_mem_eq(&p, &q, sizeof p);
        ck_assert_mem_eq(hop_structure_positions(s), hop_structure_positions(t),
                         24 * hop_structure_count(s));
        hop_structure_free(s);
        hop_structure_free(t);
    }
}

/* Minima in cells that relaxed differently. */
START_TEST(cells) {
    const int32_t numbers[2] = {47, 47};
    hop_archive *a;
    hop_structure *s;
    int32_t fresh;
    GOOD(hop_archive_new(context, 20, 1e-3, 0.1, &a));
    GOOD(hop_structure_new(context, 2, numbers, &s));
    *hop_structure_energy(s) = -5.0;
    for (int k = 0; k < 3; k++) {
        hop_structure_periodic(s)[k] = 1;
        hop_structure_cell(s)[4 * k] = 4.0;
        hop_structure_positions(s)[3 + k] = 2.0;
    }
    const double lengths[] = {4.0, 4.1, 4.0, 4.1};
    for (int k = 0; k < 4; k++) {
        hop_structure_cell(s)[0] = lengths[k];
        GOOD(hop_archive_add(a, s, k, 1, &fresh));
        ck_assert_int_eq(fresh, k < 2);
    }
    ck_assert_uint_eq(hop_archive_count(a), 2);
    hop_structure_free(s);
    hop_archive_free(a);
}
END_TEST

/* Counts that would overflow when the archive goes on. */
START_TEST(counts_too_large) {
    static const char frame[] =
        "1\nLattice=\"9 0 0 0 9 0 0 0 9\" pbc=\"F F F\" "
        "Properties=species:S:1:pos:R:3 energy=-1 hop_archive=1 minima=1 capacity=9 "
        "quenches=%lld energy_tolerance=0.1 distance_tolerance=0.1 seen=%lld "
        "first_evaluation=0 first_seed=%lld\nAg 0 0 0\n";
    char text[1024];
    const char *path = support_path("counts.xyz");
    const long long most = INT64_MAX;
    const long long counts[4][3] = {
        {3, 3, most}, {most, 3, 1}, {3, most, 1}, {3, 3, -1}};
    for (int k = 0; k < 4; k++) {
        hop_archive *a;
        snprintf(text, sizeof text, frame, counts[k][0], counts[k][1], counts[k][2]);
        support_write_file(path, text, strlen(text));
        ck_assert_int_eq(hop_archive_load(context, path, NULL, &a),
                         k == 0 ? HOP_OK : HOP_ERROR_FORMAT);
        hop_archive_free(a);
    }
}
END_TEST

START_TEST(saved_and_loaded) {
    const char *path = support_path("minima.xyz");
    hop_archive *a, *b, *c;
    hop_structure *s;
    GOOD(hop_archive_new(context, 20, 1e-3, 0.1, &a));
    ck_assert_int_eq(hop_archive_save(a, path), HOP_ERROR_STATE);
    for (uint64_t k = 0; k < 60; k++)
        add(a, k % 30, -1.0 - 0.37 * (double)(k % 30), (int64_t)k);
    GOOD(hop_archive_save(a, path));
    GOOD(hop_archive_load(context, path, NULL, &b));
    same_archive(a, b);
    for (uint64_t k = 0; k < 7; k++) { /* and it goes on as it would have */
        add(a, k, -9.0 - 0.1 * (double)k, 5);
        add(b, k, -9.0 - 0.1 * (double)k, 5);
    }
    same_archive(a, b);
    GOOD(hop_structure_read(context, path, 0, &s)); /* it is extended XYZ */
    ck_assert_double_eq(*hop_structure_energy(s), -1.0 - 0.37 * 29);
    GOOD(hop_archive_load(context, path, s, &c));
    hop_archive_free(c);
    hop_structure_free(s);
    GOOD(hop_structure_random(context, "X8", potential, 1, &s));
    ck_assert_int_eq(hop_archive_load(context, path, s, &c), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(c);
    ck_assert(strstr(hop_error_message(context), "expected 8 atoms, got 7") != NULL);
    hop_structure_free(s);
    GOOD(hop_structure_random(context, "X6Ar1", NULL, 1, &s));
    ck_assert_int_eq(hop_archive_load(context, path, s, &c), HOP_ERROR_ARGUMENT);
    ck_assert(strstr(hop_error_message(context),
                     "expected the same composition, got 1 more of X") != NULL);
    hop_structure_free(s);
    hop_archive_free(a);
    hop_archive_free(b);
}
END_TEST

/* Each line of the file missing, and each byte at its end cut off: an error, never another
   archive. */
START_TEST(damaged) {
    char path[512], *text;
    size_t size;
    hop_archive *a, *b;
    snprintf(path, sizeof path, "%s", support_path("damaged.xyz"));
    GOOD(hop_archive_new(context, 20, 1e-3, 0.1, &a));
    for (uint64_t k = 0; k < 3; k++)
        add(a, k, -1.0 - (double)k, (int64_t)k);
    GOOD(hop_archive_save(a, path));
    hop_archive_free(a);
    GOOD(hop__file_read(context, path, 1 << 20, &text, &size));
    for (size_t from = 0; from < size;) {
        char other[8192];
        const size_t length = strcspn(text + from, "\n") + 1;
        memcpy(other, text, from);
        memcpy(other + from, text + from + length, size - from - length);
        support_write_file(path, other, size - length);
        int status = hop_archive_load(context, path, NULL, &b);
        ck_assert_msg(status == HOP_ERROR_FORMAT || status == HOP_ERROR_CORRUPT,
                      "line at %zu: %s", from, hop_status_name(status));
        ck_assert_ptr_null(b);
        from += length;
    }
    const size_t first = (size_t)(strstr(text + 1, "\n7\n") - text);
    for (size_t cut = 0; cut <= first + 1; cut++) { /* between frames, too */
        support_write_file(path, text, cut);
        ck_assert_int_lt(hop_archive_load(context, path, NULL, &b), 0);
        ck_assert_ptr_null(b);
    }
    support_write_file(path, "1\n\nAg 0 0 0\n", 12);
    ck_assert_int_eq(hop_archive_load(context, path, NULL, &b), HOP_ERROR_FORMAT);
    ck_assert(strstr(hop_error_message(context), "hop_archive") != NULL);
    hop__release(context, text);
}
END_TEST

START_TEST(bad_arguments) {
    hop_archive *a = (hop_archive *)&a;
    ck_assert_int_eq(hop_archive_new(context, 0, 1, 1, &a), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(a);
    ck_assert_int_eq(hop_archive_new(context, 1, NAN, 1, &a), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_archive_new(context, 1, 1, 0, &a), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_archive_new(NULL, 1, 1, 1, &a), HOP_ERROR_ARGUMENT);
    GOOD(hop_archive_new(context, 2, 1, 1, &a));
    hop_structure *s = with_energy(1, NAN);
    ck_assert_int_eq(hop_archive_add(a, s, 1, 1, NULL), HOP_ERROR_NONFINITE);
    *hop_structure_energy(s) = 1.0;
    ck_assert_int_eq(hop_archive_add(a, s, -1, 1, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_archive_add(a, s, 1, UINT64_MAX, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_archive_add(a, NULL, 1, 1, NULL), HOP_ERROR_ARGUMENT);
    hop_structure_positions(s)[0] = INFINITY;
    ck_assert_int_eq(hop_archive_add(a, s, 1, 1, NULL), HOP_ERROR_NONFINITE);
    ck_assert_uint_eq(hop_archive_count(a), 0);
    hop_structure_free(s);
    hop_archive_free(a);
}
END_TEST

/* ---- fed by an optimizer ---- */

typedef struct feed {
    hop_archive *archive;
    int64_t called, stop_at;
    uint64_t seed;
    int status;
} feed;

static int take(void *user, const hop_structure *minimum,
                const hop_progress *progress) {
    feed *f = user;
    f->status =
        hop_archive_add(f->archive, minimum, progress->evaluations, f->seed, NULL);
    return ++f->called == f->stop_at || f->status < 0;
}

static hop_optimizer *search(hop_structure **s, feed *f, double evaluations) {
    hop_optimizer *o;
    GOOD(hop_structure_random(context, "X7", potential, f->seed, s));
    GOOD(hop_optimizer_new(context, "basin-hopping", *s, potential, &o));
    GOOD(hop_optimizer_set(o, "seed", (double)f->seed));
    GOOD(hop_optimizer_set(o, "max_evaluations", evaluations));
    GOOD(hop_optimizer_set(o, "quench_fmax", 1e-5));
    GOOD(hop_optimizer_set_minimum_function(o, take, f));
    return o;
}

/* Seven Lennard-Jones atoms have four minima (Hoare and McInnes 1976), at -16.505384,
   -15.935043, -15.593211 and -15.533060. */
START_TEST(minima_of_seven_atoms) {
    const double known[4] = {-16.505384, -15.935043, -15.593211, -15.533060};
    feed f = {.seed = 3};
    hop_structure *s;
    GOOD(hop_archive_new(context, 10, 1e-5, 0.1, &f.archive));
    hop_optimizer *o = search(&s, &f, 20000);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_MAX_EVALUATIONS);
    hop_progress p = {.size = sizeof p};
    hop_optimizer_progress(o, &p);
    ck_assert_int_gt(f.called, 100);
    ck_assert_int_le(f.called, p.quenches + 1); /* the last one was polished */
    ck_assert_int_eq(hop_archive_seen(f.archive), f.called);
    ck_assert_uint_ge(hop_archive_count(f.archive), 4); /* and those that fell apart */
    for (size_t k = 0; k < 4; k++)
        ck_assert_double_eq_tol(about(f.archive, k).energy, known[k], 1e-5);
    if (hop_archive_count(f.archive) > 4)
        ck_assert_double_gt(about(f.archive, 4).energy, -13.0); /* six and one */
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_archive_free(f.archive);
}
END_TEST

/* Looking on changes nothing, and can end the run, which goes on when asked again. */
START_TEST(looking_on) {
    feed f = {.seed = 5, .stop_at = 4};
    hop_structure *s, *t;
    GOOD(hop_archive_new(context, 10, 1e-5, 0.1, &f.archive));
    hop_optimizer *o = search(&s, &f, 2000), *plain = search(&t, &f, 2000);
    GOOD(hop_optimizer_set_minimum_function(plain, NULL, NULL));
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_STOPPED);
    ck_assert_int_eq(f.called, 4);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_MAX_EVALUATIONS);
    ck_assert_int_eq(hop_optimizer_run(plain, t, NULL, NULL), HOP_MAX_EVALUATIONS);
    ck_assert_mem_eq(hop_structure_positions(s), hop_structure_positions(t), 7 * 24);
    ck_assert_int_eq(hop_optimizer_set_minimum_function(NULL, take, &f),
                     HOP_ERROR_ARGUMENT);
    hop_optimizer_free(o);
    hop_optimizer_free(plain);
    hop_structure_free(s);
    hop_structure_free(t);
    hop_archive_free(f.archive);
}
END_TEST

/* ---- everything that can fail ---- */

static int job(hop_context *c, void *data) {
    const char *path = data;
    const int32_t numbers[3] = {18, 18, 18};
    hop_archive *a = NULL, *b = NULL;
    hop_structure *s = NULL, *copy = NULL;
    int status = hop_archive_new(c, 20, 1e-3, 0.1, &a);
    if (status == HOP_OK)
        status = hop_structure_new(c, 3, numbers, &s);
    for (int k = 0; k < 40 && status == HOP_OK; k++) {
        *hop_structure_energy(s) = -(k % 30);
        hop_structure_positions(s)[3] = 2.0 + k % 30;
        status = hop_archive_add(a, s, k, 1, NULL);
    }
    if (status == HOP_OK)
        status = hop_archive_save(a, path);
    if (status == HOP_OK) {
        status = hop_archive_load(c, path, s, &b);
        ck_assert(status == HOP_OK || b == NULL);
    }
    if (status == HOP_OK)
        status = hop_archive_minimum(b, 0, NULL, &copy);
    hop_structure_free(copy);
    hop_structure_free(s);
    hop_archive_free(b);
    hop_archive_free(a);
    return status;
}

START_TEST(every_failure) {
    char path[512];
    snprintf(path, sizeof path, "%s", support_path("torture.xyz"));
    ck_assert_uint_gt(support_torture(job, path), 50);
    ck_assert_uint_gt(support_torture_files(job, path), 10);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("archive");
    TCase *tests = tcase_create("archive");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, distinct_and_lowest);
    tcase_add_test(tests, saved_and_loaded);
    tcase_add_test(tests, cells);
    tcase_add_test(tests, counts_too_large);
    tcase_add_test(tests, damaged);
    tcase_add_test(tests, bad_arguments);
    tcase_add_test(tests, minima_of_seven_atoms);
    tcase_add_test(tests, looking_on);
    tcase_add_test(tests, every_failure);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

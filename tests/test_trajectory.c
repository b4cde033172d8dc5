/* Trajectories: what is written comes back, whatever ends the process. */
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "support/support.h"

static hop_context *context;
static char note[512];

static void keep(void *user, const char *message) {
    (void)user;
    snprintf(note, sizeof note, "%s", message);
}

static void setup(void) {
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    hop_context_set_log(context, keep, NULL);
    note[0] = '\0';
}

static void teardown(void) { hop_context_free(context); }

#define GOOD(call)                                                                     \
    do {                                                                               \
        int got_ = (call);                                                             \
        ck_assert_msg(got_ == HOP_OK, "%s: %s: %s", #call, hop_status_name(got_),      \
                      hop_error_message(context));                                     \
    } while (0)

static void message_has(const char *words) {
    ck_assert_msg(strstr(hop_error_message(context), words) != NULL,
                  "'%s' is not in '%s'", words, hop_error_message(context));
}

/* A system of `atoms` in frame `k`; NaN results in every third frame. */
static hop_structure *frame_of(size_t atoms, bool periodic, int k) {
    int32_t numbers[64];
    hop_structure *s;
    hop__random random = hop__random_start((uint64_t)k, 7);
    for (size_t i = 0; i < atoms; i++)
        numbers[i] = i % 2 ? 79 : 47;
    GOOD(hop_structure_new(context, atoms, numbers, &s));
    for (size_t c = 0; c < 3 * atoms; c++) {
        hop_structure_positions(s)[c] = 10.0 * hop__random_uniform(&random);
        if (k % 3 != 2)
            hop_structure_forces(s)[c] = hop__random_normal(&random);
    }
    if (k % 3 != 2)
        *hop_structure_energy(s) = -hop__random_uniform(&random);
    hop_structure_fixed(s)[1] = 1;
    for (int c = 0; c < 9 && periodic; c++)
        hop_structure_cell(s)[c] =
            c % 4 ? 0.1 * hop__random_normal(&random) : 10.0 + 0.01 * k;
    for (int c = 0; c < 3 && periodic; c++)
        hop_structure_periodic(s)[c] = c < 2;
    for (int c = 0; c < 6 && periodic && k % 3 == 0; c++)
        hop_structure_virial(s)[c] = hop__random_normal(&random);
    return s;
}

static void same_bits(const double *a, const double *b, size_t count) {
    for (size_t k = 0; k < count; k++)
        ck_assert_msg(a[k] == b[k] || (isnan(a[k]) && isnan(b[k])), "%zu: %.17g %.17g",
                      k, a[k], b[k]);
}

static void same_frame(hop_structure *a, hop_structure *b, bool exact) {
    const size_t n = hop_structure_count(a);
    ck_assert_uint_eq(hop_structure_count(b), n);
    ck_assert_mem_eq(hop_structure_numbers(a), hop_structure_numbers(b), 4 * n);
    ck_assert_mem_eq(hop_structure_fixed(a), hop_structure_fixed(b), 4 * n);
    ck_assert_mem_eq(hop_structure_periodic(a), hop_structure_periodic(b), 12);
    same_bits(hop_structure_positions(a), hop_structure_positions(b), 3 * n);
    same_bits(hop_structure_cell(a), hop_structure_cell(b), 9);
    same_bits(hop_structure_energy(a), hop_structure_energy(b), 1);
    same_bits(hop_structure_virial(a), hop_structure_virial(b), 6);
    const double *f = hop_structure_forces(a), *g = hop_structure_forces(b);
    for (size_t k = 0; k < 3 * n; k++)
        ck_assert_msg((isnan(f[k]) && isnan(g[k])) ||
                          fabs(f[k] - g[k]) <= (exact ? 0.0 : 2.3e-16 * fabs(f[k])),
                      "force %zu: %.17g %.17g", k, f[k], g[k]);
}

static void append(hop_trajectory *t, size_t atoms, bool periodic, int k) {
    hop_structure *s = frame_of(atoms, periodic, k);
    GOOD(hop_trajectory_append(t, 10 * k + 5, s));
    hop_structure_free(s);
}

static void check_frames(hop_trajectory *t, size_t atoms, bool periodic, int count,
                         bool exact) {
    ck_assert_int_eq(hop_trajectory_count(t), count);
    ck_assert_int_eq(hop_trajectory_step(t), 10 * (count - 1) + 5);
    for (int k = 0; k < count; k++) {
        int64_t step = 0;
        hop_structure *s, *expected = frame_of(atoms, periodic, k);
        GOOD(hop_trajectory_read(t, k % 2 ? k : k - count, &step, &s));
        ck_assert_int_eq(step, 10 * k + 5);
        same_frame(expected, s, exact);
        hop_structure_free(expected);
        hop_structure_free(s);
    }
    hop_structure *none = (hop_structure *)&none;
    ck_assert_int_eq(hop_trajectory_read(t, count, NULL, &none), HOP_END);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(hop_trajectory_read(t, -count - 1, NULL, &none), HOP_END);
}

static const char *const names[] = {"a.h5md", "a.xyz", "a.h5", "a.extxyz", "a.hdf5"};

static hop_trajectory *create(const char *path, size_t atoms, bool periodic) {
    hop_trajectory *t;
    hop_structure *like = frame_of(atoms, periodic, 0);
    GOOD(hop_trajectory_create(context, path, like, &t));
    hop_structure_free(like);
    return t;
}

/* Written, read back, opened again and continued, for clusters and crystals. */
START_TEST(round_trip) {
    const char *path = support_path(names[_i % 5]);
    const bool periodic = _i >= 5, exact = strstr(path, "xyz") != NULL;
    hop_trajectory *t = create(path, 5, periodic);
    ck_assert_int_eq(hop_trajectory_count(t), 0);
    ck_assert_int_eq(hop_trajectory_step(t), INT64_MIN);
    for (int k = 0; k < 40; k++)
        append(t, 5, periodic, k);
    check_frames(t, 5, periodic, 40, exact);
    append(t, 5, periodic, 40);
    GOOD(hop_trajectory_flush(t));
    append(t, 5, periodic, 41);
    hop_trajectory_free(t);
    GOOD(hop_trajectory_open(context, path, &t));
    check_frames(t, 5, periodic, 42, exact);
    for (int k = 42; k < 50; k++)
        append(t, 5, periodic, k);
    check_frames(t, 5, periodic, 50, exact);
    hop_trajectory_free(t);
    GOOD(hop_trajectory_open(context, path, &t));
    check_frames(t, 5, periodic, 50, exact);
    hop_trajectory_free(t);
    ck_assert_str_eq(note, "");
}
END_TEST

START_TEST(refused) {
    hop_trajectory *t = (hop_trajectory *)&t;
    hop_structure *s = frame_of(4, false, 0), *other = frame_of(5, false, 1),
                  *crystal = frame_of(4, true, 1);
    ck_assert_int_eq(hop_trajectory_create(context, support_path("a.pdb"), s, &t),
                     HOP_ERROR_UNSUPPORTED);
    ck_assert_ptr_null(t);
    ck_assert_int_eq(hop_trajectory_create(context, support_path("no/a.h5"), s, &t),
                     HOP_ERROR_IO);
    ck_assert_int_eq(hop_trajectory_open(context, support_path("none.h5"), &t),
                     HOP_ERROR_IO);
    support_write_file(support_path("b.h5"), "no hdf5", 7);
    ck_assert_int_eq(hop_trajectory_open(context, support_path("b.h5"), &t),
                     HOP_ERROR_FORMAT);
    support_write_file(support_path("c.h5"), "\x89HDF\r\n\x1a\nand no more", 19);
    ck_assert_int_eq(hop_trajectory_open(context, support_path("c.h5"), &t),
                     HOP_ERROR_FORMAT);
    ck_assert_int_eq(hop_trajectory_create(NULL, "a.h5", s, &t), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_trajectory_open(context, NULL, &t), HOP_ERROR_ARGUMENT);
    for (int k = 0; k < 2; k++) {
        GOOD(hop_trajectory_create(context, support_path(names[k]), s, &t));
        GOOD(hop_trajectory_append(t, 3, s));
        ck_assert_int_eq(hop_trajectory_append(t, 4, other), HOP_ERROR_ARGUMENT);
        message_has("expected 4 atoms, got 5");
        ck_assert_int_eq(hop_trajectory_append(t, 4, crystal), HOP_ERROR_ARGUMENT);
        message_has("periodic");
        ck_assert_int_eq(hop_trajectory_append(t, 3, s), HOP_ERROR_ARGUMENT);
        message_has("expected a step above 3, got 3");
        hop_structure_fixed(s)[0] = 1;
        ck_assert_int_eq(hop_trajectory_append(t, 4, s), HOP_ERROR_ARGUMENT);
        message_has("fixed");
        hop_structure_fixed(s)[0] = 0;
        hop_structure_positions(s)[0] = NAN;
        ck_assert_int_eq(hop_trajectory_append(t, 4, s), HOP_ERROR_NONFINITE);
        hop_structure_positions(s)[0] = 0.0;
        ck_assert_int_eq(hop_trajectory_append(t, 4, NULL), HOP_ERROR_ARGUMENT);
        ck_assert_int_eq(hop_trajectory_count(t), 1);
        hop_trajectory_free(t);
    }
    ck_assert_int_eq(hop_trajectory_flush(NULL), HOP_ERROR_ARGUMENT);
    hop_trajectory_free(NULL);
    hop_structure_free(crystal);
    hop_structure_free(other);
    hop_structure_free(s);
}
END_TEST

/* ---- killed ---- */

/* An extended XYZ file cut anywhere: all frames before the cut are there, what is appended
   then follows the last complete one. */
START_TEST(text_cut_anywhere) {
    char path[512];
    snprintf(path, sizeof path, "%s", support_path("cut.xyz"));
    hop_trajectory *t = create(path, 3, false);
    size_t ends[4] = {0};
    for (int k = 0; k < 4; k++) {
        struct stat entry;
        append(t, 3, false, k);
        ck_assert_int_eq(stat(path, &entry), 0);
        ends[k] = (size_t)entry.st_size;
    }
    hop_trajectory_free(t);
    char *text;
    size_t size;
    ck_assert_int_eq(hop__file_read(context, path, 1 << 20, &text, &size), HOP_OK);
    ck_assert_uint_eq(size, ends[3]);
    for (size_t cut = ends[0]; cut <= size; cut++) {
        int whole = 0;
        while (whole < 4 && ends[whole] <= cut)
            whole++;
        if (whole < 4 && cut + 1 == ends[whole])
            whole++; /* only the newline is missing */
        support_write_file(path, text, cut);
        const bool torn = cut != ends[whole - 1] && cut + 1 != ends[whole - 1];
        hop_structure *s;
        ck_assert_int_eq(hop_structure_read(context, path, -1, &s),
                         torn ? HOP_ERROR_FORMAT : HOP_OK);
        hop_structure_free(s);
        note[0] = '\0';
        GOOD(hop_trajectory_open(context, path, &t));
        ck_assert_int_eq(strstr(note, "the last frame is not complete") != NULL, torn);
        append(t, 3, false, whole);
        check_frames(t, 3, false, whole + 1, true);
        hop_trajectory_free(t);
    }
    hop__release(context, text);
}
END_TEST

/* Each line of text appended so far is on the disk, each H5MD file is whole. */
START_TEST(killed) {
    char path[512];
    snprintf(path, sizeof path, "%s", support_path(names[_i]));
    int flushed[2];
    for (int trial = 0; trial < 5; trial++) {
        ck_assert_int_eq(pipe(flushed), 0);
        pid_t child = fork();
        if (child == 0) {
            hop_trajectory *t = create(path, 64, true);
            for (int k = 0;; k++) {
                append(t, 64, true, k);
                if (_i == 0)
                    GOOD(hop_trajectory_flush(t));
                if (write(flushed[1], &k, sizeof k) != sizeof k)
                    _exit(1);
            }
        }
        close(flushed[1]);
        int last = -1, got = 0;
        for (int k = 0; k < 5 && got >= 0; k++) /* so that it has begun */
            got = read(flushed[0], &last, sizeof last) == sizeof last ? 0 : -1;
        usleep((useconds_t)(7000 * trial));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(flushed[0], &got, sizeof got) == sizeof got)
            last = got;
        close(flushed[0]);
        hop_trajectory *t;
        GOOD(hop_trajectory_open(context, path, &t));
        const int count = (int)hop_trajectory_count(t);
        ck_assert_int_ge(count, last + 1);
        ck_assert_int_le(count, last + 2);
        check_frames(t, 64, true, count, _i == 1);
        append(t, 64, true, count);
        check_frames(t, 64, true, count + 1, _i == 1);
        hop_trajectory_free(t);
    }
}
END_TEST

/* A full disk: the frames before stay, and the file is as it was. */
START_TEST(disk_full) {
    char path[512], copy[512];
    snprintf(path, sizeof path, "%s", support_path(names[_i]));
    snprintf(copy, sizeof copy, "%s", support_path("copy"));
    hop_trajectory *t = create(path, 64, true);
    for (int k = 0; k < 20; k++)
        append(t, 64, true, k);
    GOOD(hop_trajectory_flush(t));
    char *before, *after;
    size_t size, size_after;
    GOOD(hop__file_read(context, path, 1 << 24, &before, &size));
    struct rlimit old, limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = size + 1000;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int status = HOP_OK, more = 0;
    for (; more < 60 && status == HOP_OK; more++) {
        hop_structure *s = frame_of(64, true, 20 + more);
        status = hop_trajectory_append(t, 205 + 10 * more, s);
        hop_structure_free(s);
    }
    if (status == HOP_OK)
        status = hop_trajectory_flush(t);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_int_eq(status, HOP_ERROR_IO);
    message_has("written");
    GOOD(hop__file_read(context, path, 1 << 24, &after, &size_after));
    ck_assert_uint_eq(size_after, size);
    ck_assert_mem_eq(before, after, size);
    if (_i == 1)
        append(t, 64, true, 20);
    check_frames(t, 64, true, _i == 1 ? 21 : 80, _i == 1);
    hop_trajectory_free(t);
    hop__release(context, before);
    hop__release(context, after);
}
END_TEST

/* A disk that stays full: frames are collected up to a limit, not until memory ends. */
START_TEST(disk_stays_full) {
    enum { MANY = 40000 };
    char path[512];
    snprintf(path, sizeof path, "%s", support_path("full.h5"));
    int32_t *numbers = calloc(MANY, sizeof *numbers);
    hop_structure *s;
    hop_trajectory *t;
    GOOD(hop_structure_new(context, MANY, numbers, &s));
    free(numbers);
    GOOD(hop_trajectory_create(context, path, s, &t));
    struct rlimit old, limit;
    struct stat entry;
    ck_assert_int_eq(stat(path, &entry), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = (rlim_t)entry.st_size + 1000;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int64_t step = 0, held = 0;
    while (step < 200) {
        int status = hop_trajectory_append(t, ++step, s);
        ck_assert(status == HOP_OK || status == HOP_ERROR_IO);
        held += hop_trajectory_step(t) == step;
        ck_assert_int_eq(hop_trajectory_count(t), held);
    }
    const double bytes = 48.0 * MANY * (double)held;
    ck_assert_double_ge(bytes, 128e6);
    ck_assert_double_le(bytes, 140e6);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    GOOD(hop_trajectory_append(t, 1000, s)); /* there is room again */
    ck_assert_int_eq(hop_trajectory_count(t), held + 1);
    hop_trajectory_free(t);
    hop_structure_free(s);
}
END_TEST

/* A file that others have replaced is refused each time, not only at first. */
START_TEST(replaced_by_others) {
    char path[512], other[512];
    snprintf(path, sizeof path, "%s", support_path("mine.h5"));
    snprintf(other, sizeof other, "%s", support_path("theirs.h5"));
    for (int larger = 0; larger < 2; larger++) {
        hop_structure *s;
        hop_trajectory *t = create(path, 5, false),
                       *u = create(other, larger ? 64 : 5, false);
        append(t, 5, false, 0);
        GOOD(hop_trajectory_flush(t));
        for (int k = 0; k < 2; k++)
            append(u, larger ? 64 : 5, false, k);
        hop_trajectory_free(u);
        ck_assert_int_eq(rename(other, path), 0);
        for (int k = 0; k < 3; k++) {
            ck_assert_int_eq(hop_trajectory_read(t, 0, NULL, &s),
                             larger ? HOP_ERROR_ARGUMENT : HOP_ERROR_CORRUPT);
            ck_assert_ptr_null(s);
        }
        hop_trajectory_free(t);
    }
}
END_TEST

/* ---- everything that can fail ---- */

typedef struct job {
    const char *path;
} job;

static int write_and_read(hop_context *c, void *data) {
    const job *j = data;
    const int32_t numbers[2] = {47, 79};
    hop_structure *s = NULL, *back = NULL;
    hop_trajectory *t = NULL;
    int status = hop_structure_new(c, 2, numbers, &s);
    if (status == HOP_OK) {
        hop_structure_positions(s)[0] = 2.0;
        status = hop_trajectory_create(c, j->path, s, &t);
        ck_assert(status == HOP_OK || t == NULL);
    }
    for (int k = 0; k < 3 && status == HOP_OK; k++)
        status = hop_trajectory_append(t, k, s);
    if (status == HOP_OK)
        status = hop_trajectory_flush(t);
    hop_trajectory_free(t);
    t = NULL;
    if (status == HOP_OK) {
        status = hop_trajectory_open(c, j->path, &t);
        ck_assert(status == HOP_OK || t == NULL);
    }
    if (status == HOP_OK)
        status = hop_trajectory_append(t, 100, s);
    if (status == HOP_OK) {
        status = hop_trajectory_read(t, -1, NULL, &back);
        ck_assert(status == HOP_OK || back == NULL);
    }
    hop_structure_free(back);
    hop_trajectory_free(t);
    hop_structure_free(s);
    return status;
}

START_TEST(every_allocation) {
    char path[512];
    snprintf(path, sizeof path, "%s", support_path(names[_i]));
    job j = {path};
    ck_assert_uint_gt(support_torture(write_and_read, &j), 20);
}
END_TEST

START_TEST(every_file_call) {
    char path[512];
    snprintf(path, sizeof path, "%s", support_path(names[_i]));
    job j = {path};
    ck_assert_uint_gt(support_torture_files(write_and_read, &j), 20);
}
END_TEST

/* ---- H5MD by others ---- */

static void make_set(hid_t file, const char *path, int rank, const hsize_t *dims,
                     hid_t type, const void *data) {
    hid_t links = H5Pcreate(H5P_LINK_CREATE),
          space = H5Screate_simple(rank, dims, NULL);
    H5Pset_create_intermediate_group(links, 1);
    hid_t set = H5Dcreate2(file, path, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(set >= 0 &&
              H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(links);
}

static void add_unit(hid_t file, const char *path, const char *unit) {
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(unit));
    hid_t set = H5Dopen2(file, path, H5P_DEFAULT);
    hid_t at = H5Acreate2(set, "unit", type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(at >= 0 && H5Awrite(at, type, unit) >= 0);
    H5Aclose(at);
    H5Dclose(set);
    H5Sclose(space);
    H5Tclose(type);
}

/* Single precision, nanometres, three lengths of a box that never changes, a fixed number
   of steps between frames, no species; another name of the group. */
START_TEST(by_others) {
    const hsize_t x_dims[3] = {2, 2, 3}, box_dims[1] = {3};
    const float x[12] = {0.125f, 0.25f, 0.5f, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const double box[3] = {1.0, 2.0, 4.0};
    const int every = 50;
    const char *path = support_path("other.h5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    make_set(file, "particles/water/position/value", 3, x_dims, H5T_NATIVE_FLOAT, x);
    make_set(file, "particles/water/position/step", 0, NULL, H5T_NATIVE_INT, &every);
    make_set(file, "particles/water/box/edges", 1, box_dims, H5T_NATIVE_DOUBLE, box);
    add_unit(file, "particles/water/position/value", "nm");
    add_unit(file, "particles/water/box/edges", "nm");
    H5Fclose(file);
    hop_trajectory *t;
    hop_structure *s;
    int64_t step;
    GOOD(hop_trajectory_open(context, path, &t));
    ck_assert_int_eq(hop_trajectory_count(t), 2);
    GOOD(hop_trajectory_read(t, 1, &step, &s));
    ck_assert_int_eq(step, 50);
    ck_assert_int_eq(hop_structure_numbers(s)[1], 0);
    ck_assert_double_eq(hop_structure_positions(s)[3], 70.0);
    ck_assert_double_eq(hop_structure_cell(s)[4], 20.0);
    ck_assert(isnan(*hop_structure_energy(s)) && isnan(hop_structure_forces(s)[0]));
    ck_assert_int_eq(hop_trajectory_append(t, 200, s), HOP_ERROR_UNSUPPORTED);
    hop_structure_free(s);
    hop_trajectory_free(t);
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "particles/water/position/value", H5P_DEFAULT);
    H5Adelete(set, "unit");
    H5Dclose(set);
    add_unit(file, "particles/water/position/value", "furlong");
    H5Fclose(file);
    ck_assert_int_eq(hop_trajectory_open(context, path, &t), HOP_ERROR_UNSUPPORTED);
    message_has("expected unit 'Angstrom', got 'furlong'");
    ck_assert_int_eq(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}
END_TEST

/* Any byte changed: an error or a trajectory, never a crash; and HDF5 prints nothing when
   the process ends.  So it is a process of its own, without Check: this program, called
   with "damage", the file, a seed and a place for what is damaged.  0 when all is well. */
static int open_damaged(const char *path) {
    hop_trajectory *t;
    int status = hop_trajectory_open(context, path, &t);
    if (status > 0 || (status < 0 && !*hop_error_message(context)))
        return -1;
    for (int64_t k = 0; k < 3 && status == HOP_OK; k++) {
        hop_structure *s;
        hop_trajectory_read(t, k, NULL, &s);
        hop_structure_free(s);
    }
    hop_trajectory_free(t);
    return status == HOP_OK;
}

static bool write_damaged(const char *path, const char *data, size_t size) {
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(data, 1, size, file) == size;
    return file && fclose(file) == 0 && good;
}

/* Anywhere, or behind the name of an attribute that refers to a text elsewhere. */
static size_t place_of_damage(hop__random *random, const char *data, size_t size,
                              bool anywhere) {
    const size_t at = hop__random_below(random, size);
    const char *unit = memmem(data + at, size - at, "unit", 4);
    if (anywhere || !unit)
        return at;
    const size_t from = (size_t)(unit - data) + hop__random_below(random, 64);
    return from < size ? from : at;
}

static int damage(const char *path, uint64_t seed, const char *damaged) {
    char *data;
    size_t size;
    int opened = 0, trials = 600;
    hop__random random = hop__random_start(seed, 5);
    if (hop_context_new(NULL, &context) != HOP_OK ||
        hop__file_read(context, path, 1 << 20, &data, &size) != HOP_OK)
        return 2;
    for (int trial = 0; trial < trials; trial++) {
        size_t at = place_of_damage(&random, data, size, seed >= 5 || trial % 2);
        char old = data[at];
        data[at] = (char)hop__random_bits(&random);
        bool good = write_damaged(damaged, data, trial % 5 ? size : at);
        data[at] = old;
        int got = good ? open_damaged(damaged) : -1;
        if (got < 0)
            return 3;
        opened += got;
    }
    if (H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) != 0)
        return 4;
    hop__release(context, data);
    hop_context_free(context);
    return opened > 0 && opened < trials ? 0 : 5;
}

static const char *program; /* valgrind does not run /proc/self/exe */

START_TEST(damaged) {
    char path[512], scratch[512], seed[16], text[256] = "";
    int messages[2], status;
    snprintf(path, sizeof path, "%s", support_path("whole.h5"));
    snprintf(scratch, sizeof scratch, "%s", support_path("damaged.h5"));
    snprintf(seed, sizeof seed, "%d", _i);
    hop_trajectory *t = create(path, 2, true);
    for (int k = 0; k < 3; k++)
        append(t, 2, true, k);
    hop_trajectory_free(t);
    ck_assert_int_eq(pipe(messages), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(messages[1], STDERR_FILENO);
        close(messages[0]);
        execl(program, "test_trajectory", "damage", path, seed, scratch, NULL);
        _exit(9);
    }
    close(messages[1]);
    ssize_t got = read(messages[0], text, sizeof text - 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    close(messages[0]);
    ck_assert_msg(status == 0, "seed %d: ended with status %#x: %s", _i, status, text);
    ck_assert_msg(got == 0, "seed %d: printed '%s'", _i, text);
}
END_TEST

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "damage") == 0)
        return damage(argv[2], strtoull(argv[3], NULL, 10), argv[4]);
    program = argv[0];
    Suite *suite = suite_create("trajectory");
    TCase *tests = tcase_create("trajectory");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, round_trip, 0, 10);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, text_cut_anywhere);
    tcase_add_loop_test(tests, killed, 0, 2);
    tcase_add_loop_test(tests, disk_full, 0, 2);
    tcase_add_loop_test(tests, every_allocation, 0, 2);
    tcase_add_loop_test(tests, every_file_call, 0, 2);
    tcase_add_test(tests, by_others);
    tcase_add_loop_test(tests, damaged, 1, 10);
    tcase_add_test(tests, disk_stays_full);
    tcase_add_test(tests, replaced_by_others);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

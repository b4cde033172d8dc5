/* Model files: every bit counts, bad ones are refused, HDF5 stays out of sight. */
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "io/model_file.h"
#include "support/support.h"

#define HEADER 512

static hop_context *context;
static double reals[7] = {0.0, -0.0, 1.0 / 3.0, -1e308, 5e-324, INFINITY, NAN};
static int64_t integers[3] = {INT64_MIN, 0, INT64_MAX};
static char text[] = "Ag and Au\nseed 1\n\xc3\xa5";

static const hop__item items[] = {
    {"a/deep/reals", HOP__ITEM_REAL, 7, reals},
    {"a/integers", HOP__ITEM_INTEGER, 3, integers},
    {"a/text", HOP__ITEM_TEXT, sizeof text - 1, text},
    {"none", HOP__ITEM_REAL, 0, NULL},
    {"empty", HOP__ITEM_TEXT, 0, text},
};
#define ITEMS (sizeof items / sizeof *items)

static void setup(void) { ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK); }

static void teardown(void) { hop_context_free(context); }

static void save(const char *path) {
    ck_assert_int_eq(hop__items_save(context, path, "model", items, ITEMS), HOP_OK);
}

static char *contents(const char *path, size_t *size) {
    char *data;
    ck_assert_int_eq(hop__file_read(context, path, 1 << 30, &data, size), HOP_OK);
    return data;
}

static hop__item_file *open_good(const char *path) {
    hop__item_file *file;
    int status = hop__items_open(context, path, "model", &file);
    ck_assert_msg(status == HOP_OK, "%s", hop_error_message(context));
    return file;
}

static int open_status(const char *path, const char *kind) {
    hop__item_file *file = (hop__item_file *)&context;
    int status = hop__items_open(context, path, kind, &file);
    if (status != HOP_OK)
        ck_assert_ptr_null(file);
    hop__items_close(file);
    return status;
}

static void message_has(const char *words) {
    ck_assert_msg(strstr(hop_error_message(context), words) != NULL,
                  "'%s' is not in '%s'", words, hop_error_message(context));
}

/* ---- what is written comes back ---- */

START_TEST(round_trip) {
    const char *path = support_path("round.h5");
    double back[7];
    int64_t whole[3];
    char letters[sizeof text] = "";
    size_t count = 99;
    save(path);
    hop__item_file *file = open_good(path);
    for (size_t k = 0; k < ITEMS; k++) {
        ck_assert_int_eq(hop__items_count(file, items[k].name, items[k].type, &count),
                         HOP_OK);
        ck_assert_uint_eq(count, items[k].count);
    }
    hop__item read[] = {items[0], items[1], items[2], items[3], items[4]};
    read[0].data = back;
    read[1].data = whole;
    read[2].data = letters;
    for (size_t k = 0; k < ITEMS; k++)
        ck_assert_int_eq(hop__items_read(file, &read[k]), HOP_OK);
    ck_assert_mem_eq(back, reals, sizeof reals);
    ck_assert_mem_eq(whole, integers, sizeof integers);
    ck_assert_str_eq(letters, text);
    hop__items_close(file);
    hop__items_close(NULL);
}
END_TEST

/* The file may be gone once it is open, and many may be open. */
START_TEST(held_in_memory) {
    const char *path = support_path("held.h5");
    hop__item_file *files[20];
    int64_t whole[3] = {1, 1, 1};
    save(path);
    for (int k = 0; k < 20; k++)
        files[k] = open_good(path);
    ck_assert_int_eq(unlink(path), 0);
    hop__item read = items[1];
    read.data = whole;
    for (int k = 0; k < 20; k++) {
        ck_assert_int_eq(hop__items_read(files[k], &read), HOP_OK);
        hop__items_close(files[k]);
    }
    ck_assert_mem_eq(whole, integers, sizeof integers);
}
END_TEST

/* Two files open at once are two files, and neither is in the way of a new one. */
START_TEST(open_files_are_separate) {
    double first = 1.5, second = 2.5, back = 0.0;
    hop__item item = {"value", HOP__ITEM_REAL, 1, &first};
    const char *one = support_path("one"), *two = support_path("two");
    ck_assert_int_eq(hop__items_save(context, one, "model", &item, 1), HOP_OK);
    hop__item_file *old = open_good(one);
    item.data = &second;
    ck_assert_int_eq(hop__items_save(context, two, "model", &item, 1), HOP_OK);
    ck_assert_int_eq(hop__items_save(context, one, "model", &item, 1), HOP_OK);
    hop__item_file *other = open_good(two), *new = open_good(one);
    item.data = &back;
    ck_assert_int_eq(hop__items_read(other, &item), HOP_OK);
    ck_assert_double_eq(back, 2.5);
    ck_assert_int_eq(hop__items_read(new, &item), HOP_OK);
    ck_assert_double_eq(back, 2.5);
    ck_assert_int_eq(hop__items_read(old, &item), HOP_OK);
    ck_assert_double_eq(back, 1.5);
    hop__items_close(old);
    hop__items_close(other);
    hop__items_close(new);
}
END_TEST

START_TEST(same_content_same_bytes) {
    size_t size, again_size;
    save(support_path("one.h5"));
    sleep(2); /* HDF5's timestamps are in seconds */
    save(support_path("two.h5"));
    char *one = contents(support_path("one.h5"), &size);
    char *two = contents(support_path("two.h5"), &again_size);
    ck_assert_uint_eq(size, again_size);
    ck_assert_mem_eq(one, two, size);
    hop__release(context, one);
    hop__release(context, two);
}
END_TEST

START_TEST(header_is_as_documented) {
    size_t size;
    save(support_path("header.h5"));
    char *data = contents(support_path("header.h5"), &size);
    char expected[HEADER + 1];
    int used = snprintf(
        expected, sizeof expected,
        "hop-hdf5 1\nkind model\nsize %zu\nxxh64 %016llx\nlibhop %d.%d.%d\n",
        size - HEADER, (unsigned long long)hop__digest(data + HEADER, size - HEADER),
        HOP_VERSION_MAJOR, HOP_VERSION_MINOR, HOP_VERSION_PATCH);
    memset(expected + used, '\n', HEADER - (size_t)used);
    ck_assert_mem_eq(data, expected, HEADER);
    ck_assert_mem_eq(data + HEADER, "\x89HDF\r\n\x1a\n", 8);
    hop__release(context, data);
}
END_TEST

/* HDF5 itself, and so h5dump and h5py, opens the file past the header. */
START_TEST(hdf5_opens_the_file) {
    double back[7];
    save(support_path("plain.h5"));
    hid_t file = H5Fopen(support_path("plain.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert(file >= 0);
    hid_t set = H5Dopen2(file, "a/deep/reals", H5P_DEFAULT);
    ck_assert(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, back) >=
              0);
    ck_assert_mem_eq(back, reals, sizeof reals);
    H5Dclose(set);
    H5Fclose(file);
}
END_TEST

/* ---- damage ---- */

START_TEST(every_truncation_is_refused) {
    const char *path = support_path("short.h5");
    size_t size;
    save(path);
    hop__release(context, contents(path, &size));
    for (size_t length = size; length-- > 0;) {
        ck_assert_int_eq(truncate(path, (off_t)length), 0);
        int status = open_status(path, "model");
        ck_assert_int_eq(status, length < 11 ? HOP_ERROR_FORMAT : HOP_ERROR_CORRUPT);
        message_has("short.h5");
    }
}
END_TEST

START_TEST(longer_file_is_refused) {
    const char *path = support_path("long.h5");
    size_t size;
    save(path);
    hop__release(context, contents(path, &size));
    ck_assert_int_eq(truncate(path, (off_t)size + 1), 0);
    ck_assert_int_eq(open_status(path, "model"), HOP_ERROR_CORRUPT);
}
END_TEST

static void put(int fd, size_t at, char byte) {
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
}

static bool is_version_digit(const char *data, size_t at, char changed) {
    size_t first = 0, last;
    while (memcmp(data + first, "\nlibhop ", 8) != 0)
        first++;
    first += 8;
    last = first + strcspn(data + first, "\n");
    return at >= first && at < last && data[at] != '.' && changed >= '0' &&
           changed <= '9';
}

START_TEST(every_changed_header_byte_is_refused) {
    const char *path = support_path("header2.h5");
    size_t size;
    save(path);
    char *data = contents(path, &size);
    int fd = open(path, O_WRONLY);
    for (size_t at = 0; at < HEADER; at++)
        for (int bit = 0; bit < 8; bit++) {
            char changed = (char)(data[at] ^ 1 << bit);
            put(fd, at, changed);
            int status = open_status(path, "model");
            if (is_version_digit(data, at, changed)) /* another writer's version */
                ck_assert_int_eq(status, HOP_OK);
            else
                ck_assert_msg(status == HOP_ERROR_FORMAT || status == HOP_ERROR_CORRUPT,
                              "byte %zu bit %d: status %d", at, bit, status);
            put(fd, at, data[at]);
        }
    ck_assert_int_eq(open_status(path, "model"), HOP_OK);
    close(fd);
    hop__release(context, data);
}
END_TEST

START_TEST(random_changes_are_refused) {
    const char *path = support_path("flip.h5");
    hop__random random = hop__random_start(3, 1);
    size_t size;
    save(path);
    char *data = contents(path, &size);
    int fd = open(path, O_WRONLY);
    for (int trial = 0; trial < 3000; trial++) {
        size_t at = HEADER + hop__random_below(&random, size - HEADER);
        put(fd, at, (char)(data[at] ^ (1 + (int)hop__random_below(&random, 255))));
        ck_assert_int_eq(open_status(path, "model"), HOP_ERROR_CORRUPT);
        message_has("digest");
        put(fd, at, data[at]);
    }
    ck_assert_int_eq(open_status(path, "model"), HOP_OK);
    close(fd);
    hop__release(context, data);
}
END_TEST

/* ---- other files ---- */

/* A good header before any bytes. */
static const char *with_header(const char *name, const void *image, size_t size) {
    char *data = malloc(HEADER + size);
    memset(data, '\n', HEADER);
    int used = snprintf(
        data, HEADER, "hop-hdf5 1\nkind model\nsize %zu\nxxh64 %016llx\nlibhop 0.1.0\n",
        size, (unsigned long long)hop__digest(image, size));
    data[used] = '\n';
    if (size > 0)
        memcpy(data + HEADER, image, size);
    const char *path = support_path(name);
    support_write_file(path, data, HEADER + size);
    free(data);
    return path;
}

START_TEST(other_kinds_of_file) {
    const char *path = support_path("other");
    ck_assert_int_eq(open_status(support_path("absent"), "model"), HOP_ERROR_IO);
    ck_assert_int_eq(open_status("/", "model"), HOP_ERROR_IO);
    ck_assert_int_eq(open_status("/dev/zero", "model"), HOP_ERROR_IO);
    support_write_file(path, "", 0);
    ck_assert_int_eq(open_status(path, "model"), HOP_ERROR_FORMAT);
    support_write_file(path, "2\n\nAg 0 0 0\nAu 0 0 2.8\n", 23);
    ck_assert_int_eq(open_status(path, "model"), HOP_ERROR_FORMAT);
    message_has("other:1: expected 'hop-hdf5 1'");
    support_write_file(path, "\x89HDF\r\n\x1a\n and more", 17);
    ck_assert_int_eq(open_status(path, "model"), HOP_ERROR_FORMAT);
    save(path);
    ck_assert_int_eq(open_status(path, "checkpoint"), HOP_ERROR_FORMAT);
    message_has("expected a file of kind 'checkpoint', got 'model'");
}
END_TEST

START_TEST(good_header_without_hdf5) {
    ck_assert_int_eq(open_status(with_header("no.h5", "", 0), "model"),
                     HOP_ERROR_FORMAT);
    ck_assert_int_eq(
        open_status(with_header("text.h5", "not HDF5 at all", 15), "model"),
        HOP_ERROR_FORMAT);
    message_has("HDF5 cannot open");
    char zeros[3000] = {0};
    ck_assert_int_eq(open_status(with_header("zeros.h5", zeros, 3000), "model"),
                     HOP_ERROR_FORMAT);
}
END_TEST

/* Datasets that hop__items_save() never writes. */
static void write_foreign(hid_t file) {
    hsize_t two[2] = {2, 3}, huge = (hsize_t)1 << 55, chunk = 1024;
    hid_t space = H5Screate_simple(2, two, NULL);
    H5Dclose(H5Dcreate2(file, "matrix", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    H5Sclose(space);
    space = H5Screate_simple(1, two, NULL);
    H5Dclose(H5Dcreate2(file, "floats", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    H5Sclose(space);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, &chunk);
    space = H5Screate_simple(1, &huge, NULL);
    H5Dclose(H5Dcreate2(file, "huge", H5T_STD_U8LE, space, H5P_DEFAULT, creation,
                        H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(creation);
    H5Gclose(H5Gcreate2(file, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Lcreate_soft("/nowhere", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("/etc/passwd", "/x", file, "outside", H5P_DEFAULT, H5P_DEFAULT);
}

static const char *foreign_file(void) {
    const char *plain = support_path("foreign.h5");
    hid_t file = H5Fcreate(plain, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    write_foreign(file);
    H5Fclose(file);
    size_t size;
    char *image = contents(plain, &size);
    const char *path = with_header("wrapped.h5", image, size);
    hop__release(context, image);
    return path;
}

static void refused(hop__item_file *file, const char *name, hop__item_type type,
                    const char *words) {
    double space[8];
    size_t count;
    hop__item item = {name, type, 6, space};
    ck_assert_int_eq(hop__items_read(file, &item), HOP_ERROR_FORMAT);
    message_has(name);
    message_has(words);
    ck_assert_int_eq(hop__items_count(file, name, type, &count), HOP_ERROR_FORMAT);
}

START_TEST(foreign_datasets_are_refused) {
    hop__item_file *file = open_good(foreign_file());
    refused(file, "matrix", HOP__ITEM_REAL, "flat array");
    refused(file, "floats", HOP__ITEM_REAL, "another type");
    refused(file, "huge", HOP__ITEM_TEXT, "at most");
    refused(file, "group", HOP__ITEM_REAL, "expected");
    refused(file, "group/none", HOP__ITEM_REAL, "found none");
    refused(file, "matrix/none", HOP__ITEM_REAL, "expected");
    refused(file, "dangling", HOP__ITEM_REAL, "expected");
    refused(file, "outside", HOP__ITEM_REAL, "expected");
    hop__items_close(file);
}
END_TEST

START_TEST(missing_and_misfit_items) {
    save(support_path("items.h5"));
    hop__item_file *file = open_good(support_path("items.h5"));
    refused(file, "a/absent", HOP__ITEM_REAL, "found none");
    refused(file, "b/reals", HOP__ITEM_REAL, "found none");
    refused(file, "a/deep/reals", HOP__ITEM_INTEGER, "expected whole numbers");
    refused(file, "a/integers", HOP__ITEM_TEXT, "expected text");
    refused(file, "a/text", HOP__ITEM_REAL, "expected real numbers");
    double back[8];
    hop__item item = {"a/deep/reals", HOP__ITEM_REAL, 8, back};
    ck_assert_int_eq(hop__items_read(file, &item), HOP_ERROR_FORMAT);
    message_has("a/deep/reals: expected 8 elements, got 7");
    hop__items_close(file);
}
END_TEST

START_TEST(unwritable_places) {
    ck_assert_int_eq(
        hop__items_save(context, support_path("absent/m.h5"), "model", items, ITEMS),
        HOP_ERROR_IO);
    message_has("absent/m.h5");
    ck_assert_int_eq(hop__items_save(context, support_path(""), "model", items, ITEMS),
                     HOP_ERROR_IO);
    ck_assert_int_eq(hop__items_save(context, "/dev/null", "model", items, ITEMS),
                     HOP_ERROR_IO);
}
END_TEST

/* Two items of one name: HDF5 refuses, and so do we; the old file stays. */
START_TEST(failed_save_keeps_the_old_file) {
    const char *path = support_path("kept.h5");
    const hop__item twice[] = {items[0], items[0]};
    save(path);
    ck_assert_int_eq(hop__items_save(context, path, "model", twice, 2), HOP_ERROR_IO);
    ck_assert_int_eq(open_status(path, "model"), HOP_OK);
}
END_TEST

/* ---- manners ---- */

static herr_t host_handler(hid_t stack, void *data) {
    (void)stack;
    ++*(int *)data;
    return 0;
}

START_TEST(host_settings_of_hdf5_are_kept) {
    int heard = 0;
    H5E_auto2_t function;
    void *data;
    H5Eset_auto2(H5E_DEFAULT, host_handler, &heard);
    save(support_path("manners.h5"));
    const hop__item twice[] = {items[0], items[0]};
    hop__items_save(context, support_path("manners.h5"), "model", twice, 2);
    open_status(with_header("bad.h5", "nothing", 7), "model");
    hop__item_file *file = open_good(support_path("manners.h5"));
    refused(file, "a/deep", HOP__ITEM_REAL, "expected");
    hop__items_close(file);
    H5Eget_auto2(H5E_DEFAULT, &function, &data);
    ck_assert(function == host_handler && data == &heard);
    ck_assert_int_eq(heard, 0);
    ck_assert_int_eq(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}
END_TEST

static int scenario(hop_context *own, void *path) {
    double back[7];
    hop__item read = items[0];
    hop__item_file *file = NULL;
    read.data = back;
    int status = hop__items_save(own, path, "model", items, ITEMS);
    if (status == HOP_OK) {
        status = hop__items_open(own, path, "model", &file);
        ck_assert((status == HOP_OK) == (file != NULL));
    }
    if (status == HOP_OK)
        status = hop__items_read(file, &read);
    hop__items_close(file);
    ck_assert_int_eq(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    return status;
}

START_TEST(failing_memory) {
    char path[600];
    strcpy(path, support_path("memory.h5"));
    save(path);
    ck_assert_uint_ge(support_torture(scenario, path), 8);
    ck_assert_int_eq(open_status(path, "model"), HOP_OK);
}
END_TEST

START_TEST(failing_files) {
    char path[600];
    strcpy(path, support_path("files.h5"));
    save(path);
    ck_assert_uint_ge(support_torture_files(scenario, path), 25);
    ck_assert_int_eq(open_status(path, "model"), HOP_OK);
}
END_TEST

static void *worker(void *path) {
    hop_context *own;
    int status = hop_context_new(NULL, &own);
    for (int k = 0; k < 50 && status == HOP_OK; k++) {
        hop__item_file *file;
        int64_t whole[3];
        hop__item read = items[1];
        read.data = whole;
        status = hop__items_save(own, path, "model", items, ITEMS);
        if (status == HOP_OK)
            status = hop__items_open(own, path, "model", &file);
        if (status == HOP_OK) {
            status = hop__items_read(file, &read);
            hop__items_close(file);
        }
    }
    hop_context_free(own);
    return status == HOP_OK ? NULL : path;
}

START_TEST(threads_take_turns) {
    pthread_t threads[4];
    char paths[4][600];
    for (int k = 0; k < 4; k++) {
        char name[] = "thread0.h5";
        name[6] = (char)('0' + k);
        strcpy(paths[k], support_path(name));
        ck_assert_int_eq(pthread_create(&threads[k], NULL, worker, paths[k]), 0);
    }
    for (int k = 0; k < 4; k++) {
        void *failed = paths[k];
        pthread_join(threads[k], &failed);
        ck_assert_ptr_null(failed);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("model_file");
    TCase *tests = tcase_create("model_file");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, round_trip);
    tcase_add_test(tests, held_in_memory);
    tcase_add_test(tests, open_files_are_separate);
    tcase_add_test(tests, same_content_same_bytes);
    tcase_add_test(tests, header_is_as_documented);
    tcase_add_test(tests, hdf5_opens_the_file);
    tcase_add_test(tests, every_truncation_is_refused);
    tcase_add_test(tests, longer_file_is_refused);
    tcase_add_test(tests, every_changed_header_byte_is_refused);
    tcase_add_test(tests, random_changes_are_refused);
    tcase_add_test(tests, other_kinds_of_file);
    tcase_add_test(tests, good_header_without_hdf5);
    tcase_add_test(tests, foreign_datasets_are_refused);
    tcase_add_test(tests, missing_and_misfit_items);
    tcase_add_test(tests, unwritable_places);
    tcase_add_test(tests, failed_save_keeps_the_old_file);
    tcase_add_test(tests, host_settings_of_hdf5_are_kept);
    tcase_add_test(tests, failing_memory);
    tcase_add_test(tests, failing_files);
    tcase_add_test(tests, threads_take_turns);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

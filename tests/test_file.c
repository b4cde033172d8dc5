#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/random.h"
#include "support/support.h"

static hop_context *context;

static void setup(void) { ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK); }

static void teardown(void) { hop_context_free(context); }

static void check_contents(const char *path, const char *expected) {
    char *data;
    size_t size;
    hop_context *own;
    ck_assert_int_eq(hop_context_new(NULL, &own), HOP_OK);
    ck_assert_int_eq(hop__file_read(own, path, 1000, &data, &size), HOP_OK);
    ck_assert_str_eq(data, expected);
    ck_assert_uint_eq(size, strlen(expected));
    hop__release(own, data);
    hop_context_free(own);
}

/* Entries of a folder, apart from . and .. */
static size_t entries(const char *folder) {
    size_t count = 0;
    DIR *list = opendir(folder);
    ck_assert_ptr_nonnull(list);
    for (struct dirent *entry; (entry = readdir(list));)
        count += entry->d_name[0] != '.';
    closedir(list);
    return count;
}

static const char *new_folder(const char *name) {
    const char *path = support_path(name);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    return path;
}

START_TEST(test_read) {
    const char *path = support_path("read");
    char *data;
    size_t size;
    support_write_file(path, "a\0b\n", 4);
    ck_assert_int_eq(hop__file_read(context, path, 4, &data, &size), HOP_OK);
    ck_assert_uint_eq(size, 4);
    ck_assert_mem_eq(data, "a\0b\n", 5); /* and a NUL beyond the end */
    hop__release(context, data);
    ck_assert_int_eq(hop__file_read(context, path, 3, &data, &size), HOP_ERROR_RANGE);
    ck_assert_ptr_null(data);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "at most 3 bytes, got 4"));
    support_write_file(path, "", 0);
    ck_assert_int_eq(hop__file_read(context, path, 0, &data, &size), HOP_OK);
    ck_assert_uint_eq(size, 0);
    ck_assert_str_eq(data, "");
    hop__release(context, data);
}
END_TEST

START_TEST(test_unreadable) {
    const char *missing = support_path("missing"), *pipe = support_path("pipe");
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    const struct {
        const char *path, *found;
    } bad[] = {{missing, "No such file"},
               {"", "No such file"},
               {"/", "regular file"},
               {"/dev/null", "regular file"},
               {pipe, "regular file"}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        char *data = (char *)context;
        size_t size;
        ck_assert_int_eq(hop__file_read(context, bad[k].path, 1000, &data, &size),
                         HOP_ERROR_IO);
        ck_assert_ptr_null(data);
        ck_assert_msg(strstr(hop_error_message(context), bad[k].found) != NULL, "%s",
                      hop_error_message(context));
        ck_assert_ptr_eq(strstr(hop_error_message(context), bad[k].path),
                         hop_error_message(context));
    }
}
END_TEST

START_TEST(test_long_path) {
    char path[6000], *data;
    size_t size;
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    ck_assert_int_eq(hop__file_read(context, path, 10, &data, &size), HOP_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "too long"));
    ck_assert_int_eq(hop__file_replace(context, path, "x", 1), HOP_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "too long"));
}
END_TEST

START_TEST(test_replace) {
    const char *folder = new_folder("replace"), *path = support_path("replace/file");
    ck_assert_int_eq(hop__file_replace(context, path, "first", 5), HOP_OK);
    check_contents(path, "first");
    ck_assert_int_eq(hop__file_replace(context, path, "second", 6), HOP_OK);
    check_contents(path, "second");
    ck_assert_int_eq(hop__file_replace(context, path, "", 0), HOP_OK);
    check_contents(path, "");
    ck_assert_uint_eq(entries(folder), 1);
}
END_TEST

START_TEST(test_relative_path) {
    ck_assert_int_eq(chdir(new_folder("relative")), 0);
    ck_assert_int_eq(hop__file_replace(context, "here", "x", 1), HOP_OK);
    check_contents("here", "x");
    ck_assert_uint_eq(entries("."), 1);
}
END_TEST

/* A killed run's leftover does not stop the next one. */
START_TEST(test_stale_temporary_file) {
    const char *folder = new_folder("stale"), *path = support_path("stale/file");
    char stale[600];
    for (int k = 0; k < 3; k++) {
        snprintf(stale, sizeof stale, "%s.tmp.%ld.%d", path, (long)getpid(), k);
        support_write_file(stale, "old", 3);
    }
    ck_assert_int_eq(hop__file_replace(context, path, "new", 3), HOP_OK);
    check_contents(path, "new");
    check_contents(stale, "old");
    ck_assert_uint_eq(entries(folder), 4);
}
END_TEST

START_TEST(test_symbolic_link_stays_a_link) {
    const char *folder = new_folder("links");
    const char *target = support_path("links/target"),
               *link = support_path("links/link");
    support_write_file(target, "old", 3);
    ck_assert_int_eq(symlink("target", link), 0);
    ck_assert_int_eq(hop__file_replace(context, link, "new", 3), HOP_OK);
    check_contents(target, "new");
    struct stat status;
    ck_assert_int_eq(lstat(link, &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    ck_assert_uint_eq(entries(folder), 2);
    ck_assert_int_eq(unlink(target), 0); /* the link now leads nowhere */
    ck_assert_int_eq(hop__file_replace(context, link, "new", 3), HOP_ERROR_IO);
    ck_assert_uint_eq(entries(folder), 1);
}
END_TEST

START_TEST(test_devices_and_folders_are_not_replaced) {
    const char *folder = new_folder("kept"), *pipe = support_path("kept/pipe");
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    ck_assert_int_eq(hop__file_replace(context, pipe, "x", 1), HOP_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "regular file"));
    ck_assert_int_eq(hop__file_replace(context, folder, "x", 1), HOP_ERROR_IO);
    struct stat status;
    ck_assert_int_eq(lstat(pipe, &status), 0);
    ck_assert(S_ISFIFO(status.st_mode));
    ck_assert_uint_eq(entries(folder), 1);
    ck_assert_int_eq(hop__file_replace(context, support_path("kept/no/file"), "x", 1),
                     HOP_ERROR_IO);
    ck_assert_int_eq(hop__file_replace(context, "", "x", 1), HOP_ERROR_IO);
}
END_TEST

/* ---- failure injection ---- */

static int read_scenario(hop_context *inner, void *data) {
    char *text = (char *)context;
    size_t size;
    int status = hop__file_read(inner, data, 1000, &text, &size);
    if (status == HOP_OK)
        ck_assert_str_eq(text, "twelve bytes");
    else
        ck_assert_ptr_null(text);
    hop__release(inner, text);
    return status;
}

/* Whatever happens, the file is the old one or the new one, and no other is left. */
static int replace_scenario(hop_context *inner, void *data) {
    support_write_file(data, "old", 3);
    int status = hop__file_replace(inner, data, "the new contents", 16);
    check_contents(data, status == HOP_OK ? "the new contents" : "old");
    ck_assert_uint_eq(entries(support_path("torture")), 1);
    return status;
}

START_TEST(test_read_torture) {
    char *path = (char *)support_path("tortured");
    support_write_file(path, "twelve bytes", 12);
    ck_assert_uint_eq(support_torture(read_scenario, path), 1);
    /* open 3 + EINTR's second call, read 4 kinds, close 3; see support.h */
    ck_assert_uint_ge(support_torture_files(read_scenario, path), 10);
}
END_TEST

START_TEST(test_replace_torture) {
    new_folder("torture");
    char path[600];
    strcpy(path, support_path("torture/file"));
    ck_assert_uint_eq(support_torture(replace_scenario, path), 2);
    /* file and folder: open, fsync, close each twice; write, rename: 3 errors each, and
       one short write */
    ck_assert_uint_ge(support_torture_files(replace_scenario, path), 25);
}
END_TEST

static int replace_with(enum support_call call, size_t nth, int error,
                        const char *path) {
    context->files = support_failing_files(call, nth, error);
    int status = hop__file_replace(context, path, "the new contents", 16);
    ck_assert(support_files_injected());
    return status;
}

/* Which failures must be reported, and which must not hurt. */
START_TEST(test_each_call) {
    new_folder("each");
    char path[600];
    strcpy(path, support_path("each/file"));
    static const struct {
        enum support_call call;
        size_t nth;
        int error, status;
    } cases[] = {
        {SUPPORT_OPEN, 1, EIO, HOP_ERROR_IO},
        {SUPPORT_OPEN, 1, ENOSPC, HOP_ERROR_IO},
        {SUPPORT_OPEN, 1, EINTR, HOP_OK},
        {SUPPORT_OPEN, 2, EIO, HOP_OK},
        {SUPPORT_WRITE, 1, EIO, HOP_ERROR_IO},
        {SUPPORT_WRITE, 1, ENOSPC, HOP_ERROR_IO},
        {SUPPORT_WRITE, 1, EINTR, HOP_OK},
        {SUPPORT_WRITE, 1, SUPPORT_SHORT, HOP_OK},
        {SUPPORT_FSYNC, 1, EIO, HOP_ERROR_IO},
        {SUPPORT_FSYNC, 1, ENOSPC, HOP_ERROR_IO},
        {SUPPORT_FSYNC, 1, EINTR, HOP_OK},
        {SUPPORT_FSYNC, 2, EIO, HOP_OK},
        {SUPPORT_CLOSE, 1, EIO, HOP_ERROR_IO},
        {SUPPORT_CLOSE, 1, ENOSPC, HOP_ERROR_IO},
        {SUPPORT_CLOSE, 1, EINTR, HOP_OK},
        {SUPPORT_CLOSE, 2, EIO, HOP_OK},
        {SUPPORT_RENAME, 1, EIO, HOP_ERROR_IO},
        {SUPPORT_RENAME, 1, ENOSPC, HOP_ERROR_IO},
        {SUPPORT_RENAME, 1, EINTR, HOP_ERROR_IO},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        support_write_file(path, "old", 3);
        int status = replace_with(cases[k].call, cases[k].nth, cases[k].error, path);
        ck_assert_msg(status == cases[k].status, "case %zu: %s", k,
                      hop_status_name(status));
        check_contents(path, status == HOP_OK ? "the new contents" : "old");
        ck_assert_uint_eq(entries(support_path("each")), 1);
        if (status != HOP_OK)
            ck_assert_ptr_nonnull(
                strstr(hop_error_message(context), strerror(cases[k].error)));
    }
}
END_TEST

START_TEST(test_order_of_calls) {
    const char *path = support_path("order");
    context->files = support_failing_files(SUPPORT_OPEN, 0, 0);
    ck_assert_int_eq(hop__file_replace(context, path, "x", 1), HOP_OK);
    ck_assert_uint_eq(support_files_count(SUPPORT_OPEN),
                      2); /* the file and its folder */
    ck_assert_uint_eq(support_files_count(SUPPORT_FSYNC),
                      2); /* before and after rename */
    ck_assert_uint_eq(support_files_count(SUPPORT_CLOSE), 2);
    ck_assert_uint_eq(support_files_count(SUPPORT_RENAME), 1);
    ck_assert_uint_eq(support_files_count(SUPPORT_UNLINK), 0);
}
END_TEST

/* ---- digest ---- */

/* The sanity buffer and answers of the reference implementation (xxHash,
   tests/sanity_test_vectors.h and XXH64's specification), seed 0. */
START_TEST(test_digest_known_answers) {
    unsigned char bytes[222];
    uint64_t generator = 2654435761u;
    for (size_t k = 0; k < sizeof bytes; k++) {
        bytes[k] = (unsigned char)(generator >> 56);
        generator *= 11400714785074694797u;
    }
    ck_assert_uint_eq(hop__digest(bytes, 0), 0xEF46DB3751D8E999u);
    ck_assert_uint_eq(hop__digest(bytes, 1), 0xE934A84ADB052768u);
    ck_assert_uint_eq(hop__digest(bytes, 4), 0x9136A0DCA57457EEu);
    ck_assert_uint_eq(hop__digest(bytes, 14), 0x8282DCC4994E35C8u);
    ck_assert_uint_eq(hop__digest(bytes, 222), 0xB641AE8CB691C174u);
    ck_assert_uint_eq(hop__digest("a", 1), 0xD24EC4F1A98C6E5Bu);
    ck_assert_uint_eq(hop__digest("abc", 3), 0x44BC2CF5AD770999u);
}
END_TEST

START_TEST(test_digest_sees_every_bit) {
    unsigned char bytes[100];
    hop__random random = hop__random_start(1, 0);
    for (size_t k = 0; k < sizeof bytes; k++)
        bytes[k] = (unsigned char)hop__random_bits(&random);
    uint64_t whole = hop__digest(bytes, sizeof bytes);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        ck_assert_uint_ne(hop__digest(bytes, sizeof bytes), whole);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    ck_assert_uint_eq(hop__digest(bytes, sizeof bytes), whole);
    for (size_t size = 0; size < sizeof bytes; size++)
        ck_assert_uint_ne(hop__digest(bytes, size), whole);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("file");
    TCase *tests = tcase_create("file");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_read);
    tcase_add_test(tests, test_unreadable);
    tcase_add_test(tests, test_long_path);
    tcase_add_test(tests, test_replace);
    tcase_add_test(tests, test_relative_path);
    tcase_add_test(tests, test_stale_temporary_file);
    tcase_add_test(tests, test_symbolic_link_stays_a_link);
    tcase_add_test(tests, test_devices_and_folders_are_not_replaced);
    tcase_add_test(tests, test_read_torture);
    tcase_add_test(tests, test_replace_torture);
    tcase_add_test(tests, test_each_call);
    tcase_add_test(tests, test_order_of_calls);
    tcase_add_test(tests, test_digest_known_answers);
    tcase_add_test(tests, test_digest_sees_every_bit);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

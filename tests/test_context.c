#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

#define LISTED(name, value, text) {value, "HOP_" #name, text},
static const struct {
    int value;
    const char *name, *text;
} statuses[] = {HOP_STATUS_LIST(LISTED)};

START_TEST(test_status_names_and_texts) {
    for (size_t k = 0; k < sizeof statuses / sizeof *statuses; k++) {
        ck_assert_str_eq(hop_status_name(statuses[k].value), statuses[k].name);
        ck_assert_str_eq(hop_status_text(statuses[k].value), statuses[k].text);
    }
    ck_assert_str_eq(hop_status_name(12345), "HOP_UNKNOWN");
    ck_assert_str_eq(hop_status_name(-12345), "HOP_UNKNOWN");
    ck_assert_ptr_nonnull(hop_status_text(12345));
}
END_TEST

/* The values are part of the binary interface. */
START_TEST(test_status_values_are_frozen) {
    ck_assert_int_eq(HOP_OK, 0);
    ck_assert_int_eq(HOP_ERROR_ARGUMENT, -1);
    ck_assert_int_eq(HOP_ERROR_MEMORY, -2);
    ck_assert_int_eq(HOP_ERROR_IO, -3);
    ck_assert_int_eq(HOP_ERROR_FORMAT, -4);
    ck_assert_int_eq(HOP_ERROR_CORRUPT, -5);
    ck_assert_int_eq(HOP_ERROR_VERSION, -6);
    ck_assert_int_eq(HOP_ERROR_RANGE, -7);
    ck_assert_int_eq(HOP_ERROR_UNSUPPORTED, -8);
    ck_assert_int_eq(HOP_ERROR_PROVIDER, -9);
    ck_assert_int_eq(HOP_ERROR_NONFINITE, -10);
    ck_assert_int_eq(HOP_ERROR_STATE, -11);
    ck_assert_int_eq(HOP_CONVERGED, 1);
    ck_assert_int_eq(HOP_MAX_STEPS, 2);
    ck_assert_int_eq(HOP_MAX_EVALUATIONS, 3);
    ck_assert_int_eq(HOP_MAX_TIME, 4);
    ck_assert_int_eq(HOP_STOPPED, 5);
    ck_assert_int_eq(HOP_STALLED, 6);
    ck_assert_int_eq(HOP_TARGET, 7);
    ck_assert_int_eq(HOP_END, 8);
}
END_TEST

START_TEST(test_version) { ck_assert_int_eq(hop_version(), HOP_VERSION); }
END_TEST

START_TEST(test_new_and_free) {
    hop_context *context;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_ptr_nonnull(context);
    ck_assert_str_eq(hop_error_message(context), "");
    ck_assert(!hop__cancelled(context));
    hop_context_free(context);
    hop_context_free(NULL);
}
END_TEST

START_TEST(test_bad_arguments) {
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *context = (hop_context *)&state;
    ck_assert_int_eq(hop_context_new(NULL, NULL), HOP_ERROR_ARGUMENT);
    hop_allocator broken = allocator;
    broken.allocate = NULL;
    ck_assert_int_eq(hop_context_new(&broken, &context), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(context);
    broken = allocator;
    broken.release = NULL;
    ck_assert_int_eq(hop_context_new(&broken, &context), HOP_ERROR_ARGUMENT);
    broken = allocator;
    broken.size = sizeof broken - 1;
    ck_assert_int_eq(hop_context_new(&broken, &context), HOP_ERROR_ARGUMENT);
    ck_assert_uint_eq(state.calls, 0);
    ck_assert_int_eq(hop_context_set_threads(NULL, 1), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(hop_error_message(NULL));
    hop_context_set_log(NULL, NULL, NULL);
    hop_cancel(NULL);
    hop_cancel_clear(NULL);
}
END_TEST

START_TEST(test_out_of_memory) {
    support_allocator state = {.fail_at = 1};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *context = (hop_context *)&state;
    ck_assert_int_eq(hop_context_new(&allocator, &context), HOP_ERROR_MEMORY);
    ck_assert_ptr_null(context);
    ck_assert_uint_eq(state.injected, 1);
}
END_TEST

START_TEST(test_threads) {
    hop_context *context;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(context->threads, 1);
    ck_assert_int_eq(hop_context_set_threads(context, 1024), HOP_OK);
    ck_assert_int_eq(hop_context_set_threads(context, 0), HOP_ERROR_ARGUMENT);
    ck_assert_str_eq(hop_error_message(context), "threads: expected 1 to 1024, got 0");
    ck_assert_int_eq(hop_context_set_threads(context, 1025), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(context->threads, 1024);
    hop_context_free(context);
}
END_TEST

START_TEST(test_message) {
    hop_context *context;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop__fail(context, HOP_ERROR_FORMAT, "%s:%d: bad", "a.xyz", 3),
                     HOP_ERROR_FORMAT);
    ck_assert_str_eq(hop_error_message(context), "a.xyz:3: bad");
    hop__fail(context, HOP_ERROR_IO, "again: %s", hop_error_message(context));
    ck_assert_str_eq(hop_error_message(context), "again: a.xyz:3: bad");
    hop__fail(context, HOP_ERROR_IO, "%2000d", 7);
    ck_assert_uint_eq(strlen(hop_error_message(context)), HOP__MESSAGE_SIZE - 1);
    hop_context *other;
    ck_assert_int_eq(hop_context_new(NULL, &other), HOP_OK);
    hop__fail(other, HOP_ERROR_IO, "from the worker");
    ck_assert_int_eq(hop__fail_as(context, HOP_ERROR_IO, other), HOP_ERROR_IO);
    ck_assert_int_eq(hop__fail_as(context, HOP_ERROR_IO, context), HOP_ERROR_IO);
    ck_assert_str_eq(hop_error_message(context), "from the worker");
    hop_context_free(other);
    hop_context_free(context);
}
END_TEST

static void keep_line(void *user, const char *message) {
    strncat(user, message, 63 - strlen(user));
}

START_TEST(test_log) {
    char heard[64] = "";
    hop_context *context;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    hop__log(context, "silence");
    hop_context_set_log(context, keep_line, heard);
    hop__log(context, "line %d", 1);
    hop_context_set_log(context, NULL, NULL);
    hop__log(context, "silence");
    ck_assert_str_eq(heard, "line 1");
    hop_context_free(context);
}
END_TEST

START_TEST(test_child) {
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    char heard[64] = "";
    hop_context *parent, *child;
    ck_assert_int_eq(hop_context_new(&allocator, &parent), HOP_OK);
    hop_context_set_log(parent, keep_line, heard);
    ck_assert_int_eq(hop__context_child(parent, &child), HOP_OK);
    ck_assert_int_eq(child->isa, parent->isa);
    ck_assert_ptr_eq(child->files, parent->files);
    hop__log(child, "child");
    ck_assert_str_eq(heard, "child");
    hop__fail(child, HOP_ERROR_IO, "its own");
    ck_assert_str_eq(hop_error_message(parent), "");
    hop_cancel(parent);
    ck_assert(hop__cancelled(child));
    hop_cancel_clear(child);
    ck_assert(!hop__cancelled(parent));
    hop_context_free(parent); /* the child keeps it alive */
    hop_cancel(child);
    ck_assert(hop__cancelled(child));
    ck_assert_uint_eq(state.live, 2);
    hop_context_free(child);
    ck_assert_uint_eq(state.live, 0);
}
END_TEST

static int make_child(hop_context *context, void *data) {
    (void)data;
    hop_context *child = context;
    int status = hop__context_child(context, &child);
    if (status != HOP_OK)
        ck_assert_ptr_null(child);
    hop_context_free(child);
    return status;
}

START_TEST(test_child_torture) {
    ck_assert_uint_eq(support_torture(make_child, NULL), 1);
}
END_TEST

static void *retain_and_release(void *data) {
    for (int k = 0; k < 20000; k++)
        hop__context_release(hop__context_retain(data));
    return NULL;
}

START_TEST(test_references_are_atomic) {
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *context;
    ck_assert_int_eq(hop_context_new(&allocator, &context), HOP_OK);
    pthread_t threads[4];
    for (int t = 0; t < 4; t++)
        ck_assert_int_eq(pthread_create(&threads[t], NULL, retain_and_release, context),
                         0);
    for (int t = 0; t < 4; t++)
        pthread_join(threads[t], NULL);
    ck_assert_uint_eq(state.live, 1);
    hop_context_free(context);
    ck_assert_uint_eq(state.live, 0);
}
END_TEST

START_TEST(test_seconds_run_forward) {
    double before = hop__seconds(), after = hop__seconds();
    ck_assert_double_ge(after, before);
    ck_assert_double_gt(after, 0.0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("context");
    TCase *tests = tcase_create("context");
    tcase_add_test(tests, test_status_names_and_texts);
    tcase_add_test(tests, test_status_values_are_frozen);
    tcase_add_test(tests, test_version);
    tcase_add_test(tests, test_new_and_free);
    tcase_add_test(tests, test_bad_arguments);
    tcase_add_test(tests, test_out_of_memory);
    tcase_add_test(tests, test_threads);
    tcase_add_test(tests, test_message);
    tcase_add_test(tests, test_log);
    tcase_add_test(tests, test_child);
    tcase_add_test(tests, test_child_torture);
    tcase_add_test(tests, test_references_are_atomic);
    tcase_add_test(tests, test_seconds_run_forward);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

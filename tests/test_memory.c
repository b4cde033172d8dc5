#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "support/support.h"

static support_allocator state;
static hop_context *context;

static void setup(void) {
    memset(&state, 0, sizeof state);
    hop_allocator allocator = support_allocator_for(&state);
    ck_assert_int_eq(hop_context_new(&allocator, &context), HOP_OK);
}

static void teardown(void) {
    hop_context_free(context);
    ck_assert_uint_eq(state.live, 0);
    ck_assert_uint_eq(state.damaged, 0);
}

static bool zero(const unsigned char *bytes, size_t size) {
    for (size_t k = 0; k < size; k++)
        if (bytes[k] != 0)
            return false;
    return true;
}

START_TEST(test_zeroed_and_aligned) {
    void *blocks[200];
    for (size_t size = 0; size < 200; size++) {
        blocks[size] = hop__allocate(context, size, 1);
        ck_assert_ptr_nonnull(blocks[size]);
        ck_assert_uint_eq((uintptr_t)blocks[size] % 64, 0);
        ck_assert(zero(blocks[size], size));
        memset(blocks[size], 0xFF, size);
    }
    for (size_t size = 0; size < 200; size++)
        hop__release(context, blocks[size]);
    hop__release(context, NULL);
}
END_TEST

START_TEST(test_overflow) {
    static const size_t bad[][2] = {
        {SIZE_MAX, 1},     {SIZE_MAX, 8},
        {SIZE_MAX / 2, 3}, {(size_t)1 << 32, (size_t)1 << 32},
        {PTRDIFF_MAX, 1},  {SIZE_MAX - 40, 1}};
    size_t calls = state.calls;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        hop__fail(context, 0, "%s", "");
        ck_assert_ptr_null(hop__allocate(context, bad[k][0], bad[k][1]));
        ck_assert_ptr_nonnull(strstr(hop_error_message(context), "out of memory"));
        ck_assert_ptr_null(hop__resize(context, NULL, bad[k][0], bad[k][1]));
    }
    ck_assert_uint_eq(state.calls, calls); /* the host was not even asked */
}
END_TEST

START_TEST(test_resize) {
    int32_t *block = hop__resize(context, NULL, 3, sizeof *block);
    ck_assert(zero((unsigned char *)block, 12));
    for (int k = 0; k < 3; k++)
        block[k] = k + 1;
    block = hop__resize(context, block, 1000, sizeof *block);
    ck_assert_int_eq(block[0], 1);
    ck_assert_int_eq(block[2], 3);
    ck_assert(zero((unsigned char *)(block + 3), 997 * sizeof *block));
    block = hop__resize(context, block, 2, sizeof *block);
    ck_assert_int_eq(block[1], 2);
    block = hop__resize(context, block, 4, sizeof *block);
    ck_assert_int_eq(block[2], 0);
    state.fail_at = state.calls + 1;
    ck_assert_ptr_null(hop__resize(context, block, 1000, sizeof *block));
    ck_assert_int_eq(block[1], 2); /* still there */
    ck_assert_ptr_null(hop__resize(context, block, SIZE_MAX, sizeof *block));
    ck_assert_int_eq(block[1], 2);
    hop__release(context, block);
}
END_TEST

START_TEST(test_duplicate) {
    char *empty = hop__duplicate(context, ""),
         *text = hop__duplicate(context, "Ag19Au19");
    ck_assert_str_eq(empty, "");
    ck_assert_str_eq(text, "Ag19Au19");
    hop__release(context, empty);
    hop__release(context, text);
}
END_TEST

static int all_calls(hop_context *inner, void *data) {
    (void)data;
    int status = HOP_ERROR_MEMORY;
    double *block = hop__allocate(inner, 10, sizeof *block);
    char *text = hop__duplicate(inner, "text");
    double *grown = block ? hop__resize(inner, block, 100, sizeof *block) : NULL;
    if (grown)
        block = grown;
    if (block && text && grown)
        status = HOP_OK;
    hop__release(inner, block);
    hop__release(inner, text);
    return status;
}

START_TEST(test_torture) { ck_assert_uint_eq(support_torture(all_calls, NULL), 3); }
END_TEST

/* The harness itself must see leaks and overwritten bytes, or it proves nothing. */
START_TEST(test_harness_sees_damage) {
    support_allocator watched = {0};
    hop_allocator allocator = support_allocator_for(&watched);
    unsigned char *block = allocator.allocate(&watched, 10);
    ck_assert_uint_eq(watched.live, 1);
    ck_assert_uint_eq(watched.live_bytes, 10);
    block[10] ^= 1;
    allocator.release(&watched, block);
    ck_assert_uint_eq(watched.damaged, 1);
    ck_assert_uint_eq(watched.live, 0);
    block = allocator.allocate(&watched, 10);
    block[-1] ^= 1;
    allocator.release(&watched, block);
    ck_assert_uint_eq(watched.damaged, 2);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_zeroed_and_aligned);
    tcase_add_test(tests, test_overflow);
    tcase_add_test(tests, test_resize);
    tcase_add_test(tests, test_duplicate);
    tcase_add_test(tests, test_torture);
    tcase_add_test(tests, test_harness_sees_damage);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

/* A test that fails, to see that the test runner notices. */
#include "../support/support.h"

START_TEST(test_that_fails) { ck_assert_int_eq(HOP_OK, HOP_ERROR_STATE); }
END_TEST

int main(void) {
    Suite *suite = suite_create("fail_always");
    TCase *tests = tcase_create("fail_always");
    tcase_add_test(tests, test_that_fails);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}

/* Extended XYZ: what can be read is written and read again bit for bit. */
#include <math.h>
#include <string.h>

#include "fuzz.h"

static char *text_of(hop_context *context, const hop_structure *s, size_t *length) {
    FUZZ_CHECK(hop_structure_format(s, NULL, 0, length) == HOP_OK);
    char *text = hop__allocate(context, *length + 1, 1);
    FUZZ_CHECK(hop_structure_format(s, text, *length + 1, length) == HOP_OK);
    return text;
}

static void check_round_trip(hop_context *context, hop_structure *s) {
    size_t length, again;
    hop_structure *copy;
    const size_t n = hop_structure_count(s);
    char *text = text_of(context, s, &length);
    int status = hop_structure_read(context, fuzz_file(text, length), 0, &copy);
    FUZZ_CHECK(status == HOP_OK && hop_structure_count(copy) == n);
    FUZZ_CHECK(memcmp(hop_structure_numbers(s), hop_structure_numbers(copy), 4 * n) ==
               0);
    FUZZ_CHECK(
        memcmp(hop_structure_positions(s), hop_structure_positions(copy), 24 * n) == 0);
    FUZZ_CHECK(memcmp(hop_structure_fixed(s), hop_structure_fixed(copy), 4 * n) == 0);
    char *second = text_of(context, copy, &again);
    FUZZ_CHECK(again == length && memcmp(text, second, length) == 0);
    hop__release(context, text);
    hop__release(context, second);
    hop_structure_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int64_t frames[] = {0, 1, -1, INT64_MIN, INT64_MAX};
    hop_context *context = fuzz_context();
    for (size_t k = 0; k < sizeof frames / sizeof *frames; k++) {
        hop_structure *s;
        int status = hop_structure_read(context, fuzz_file(data, size), frames[k], &s);
        FUZZ_CHECK(fuzz_status(context, status) == (s != NULL));
        FUZZ_CHECK(status <= 0 || status == HOP_END);
        if (s)
            check_round_trip(context, s);
        hop_structure_free(s);
    }
    fuzz_end(context);
    return 0;
}

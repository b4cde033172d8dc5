/* Formulas, element symbols and task files. */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "fuzz.h"
#include "learning/tasks.h"
#include "structure/generate.h"

static void check_formula(hop_context *context, const char *text) {
    int32_t *numbers;
    size_t count;
    if (!fuzz_status(context, hop__formula_parse(context, text, &numbers, &count))) {
        FUZZ_CHECK(numbers == NULL);
        return;
    }
    FUZZ_CHECK(count >= 1 && numbers[0] >= 0 && numbers[count - 1] <= 118);
    hop__release(context, numbers);
    hop_structure *s;
    if (count > 60)
        return;
    int status = hop_structure_random(context, text, NULL, count, &s);
    FUZZ_CHECK(status == HOP_OK && hop_structure_count(s) == count);
    FUZZ_CHECK(hop__all_finite(hop_structure_positions(s), 3 * count));
    hop_structure_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hop_context *context = fuzz_context();
    hop__tasks *tasks;
    char *text = hop__allocate(context, size + 1, 1);
    if (size > 0)
        memcpy(text, data, size);
    check_formula(context, text);
    int32_t number = hop_element_number(text);
    FUZZ_CHECK(number < 0 || strcmp(hop_element_symbol(number), text) == 0);
    int status = hop__tasks_parse(context, "file", text, size, &tasks);
    FUZZ_CHECK(fuzz_status(context, status) == (tasks != NULL));
    hop__tasks_free(tasks);
    hop__release(context, text);
    fuzz_end(context);
    return 0;
}

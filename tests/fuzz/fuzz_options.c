/* Options by name: any name and value, before and during a run. */
#include <math.h>
#include <string.h>

#include "fuzz.h"

/* A known name, or what stands in the input up to a NUL. */
static void take_name(fuzz_input *in, const char *kind, hop_option *row,
                      char name[32]) {
    size_t length = 0;
    if (fuzz_byte(in) % 4 > 0 &&
        hop_option_describe(kind, fuzz_below(in, 64), row) == HOP_OK) {
        FUZZ_CHECK(strlen(row->name) < 32);
        strcpy(name, row->name);
        return;
    }
    while (length < 31 && (name[length] = (char)fuzz_byte(in)))
        length++;
    name[length] = '\0';
}

static void check_table(const char *kind) {
    hop_option row = {.size = sizeof row};
    for (size_t k = 0; hop_option_describe(kind, k, &row) == HOP_OK; k++)
        FUZZ_CHECK(row.minimum <= row.initial && row.initial <= row.maximum &&
                   *row.doc);
}

static void set_some(hop_context *context, hop_optimizer *o, const char *kind,
                     fuzz_input *in) {
    for (int k = 0; k < 20 && in->size > 0; k++) {
        hop_option row = {.size = sizeof row};
        char name[32];
        double before = 0.0, after = 0.0;
        take_name(in, kind, &row, name);
        double value = fuzz_number(in);
        bool known = fuzz_status(context, hop_optimizer_get(o, name, &before));
        bool set = fuzz_status(context, hop_optimizer_set(o, name, value));
        FUZZ_CHECK(known || !set);
        if (known) {
            FUZZ_CHECK(hop_optimizer_get(o, name, &after) == HOP_OK);
            FUZZ_CHECK(after == (set ? value : before) && isfinite(after));
        }
    }
}

/* A short run under whatever options are now set. */
static void run(hop_context *context, hop_optimizer *o, hop_potential *potential,
                hop_structure *s, int most) {
    int status = HOP_OK;
    for (int k = 0; k < most; k++) {
        status = hop_optimizer_ask(o, s);
        if (!fuzz_status(context, status))
            break;
        for (size_t c = 0; c < 3 * hop_structure_count(s); c++)
            FUZZ_CHECK(isfinite(hop_structure_positions(s)[c]));
        hop_potential_evaluate(potential, s);
        FUZZ_CHECK(hop_optimizer_tell(o, s) == HOP_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    hop_context *context = fuzz_context();
    hop_potential *potential;
    hop_structure *s;
    hop_optimizer *o;
    const char *kind = fuzz_kind(&in);
    check_table(kind);
    for (size_t k = 0; hop_trainer_method(k); k++)
        check_table(hop_trainer_method(k));
    FUZZ_CHECK(hop_potential_builtin(context, "LJ.lj", &potential) == HOP_OK);
    FUZZ_CHECK(hop_structure_random(context, "X5", potential, 3, &s) == HOP_OK);
    FUZZ_CHECK(hop_optimizer_new(context, kind, s, potential, &o) == HOP_OK);
    set_some(context, o, kind, &in);
    run(context, o, potential, s, 40);
    set_some(context, o, kind, &in);
    run(context, o, potential, s, 20);
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(potential);
    fuzz_end(context);
    return 0;
}

/* Ask and tell in any order with any energies and forces, all kinds, fixed atoms and
   cells: it ends, never asks for a position that is not finite, and keeps the best. */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "fuzz.h"

#define MOST 8

typedef struct run {
    hop_context *context;
    hop_optimizer *o;
    hop_structure *s;
    double lowest;
    int64_t tells;
    bool asked;
} run;

static hop_structure *start(hop_context *context, fuzz_input *in) {
    int32_t numbers[MOST];
    hop_structure *s;
    const size_t n = 1 + fuzz_below(in, MOST);
    const uint32_t how = fuzz_byte(in);
    for (size_t i = 0; i < n; i++)
        numbers[i] = how & 1 && i % 2 ? 79 : 47;
    FUZZ_CHECK(hop_structure_new(context, n, numbers, &s) == HOP_OK);
    for (size_t k = 0; k < 3 * n; k++)
        hop_structure_positions(s)[k] = fuzz_coordinate(in) / 4.0;
    for (size_t i = 0; i < n; i++)
        hop_structure_fixed(s)[i] = how & 2 ? fuzz_byte(in) & 1 : 0;
    for (int a = 0; a < 3; a++) {
        hop_structure_cell(s)[4 * a] = 6.0 + a;
        hop_structure_periodic(s)[a] = how >> (2 + a) & 1;
    }
    return s;
}

static bool good(hop_structure *s) {
    const size_t n = 3 * hop_structure_count(s);
    bool small = true;
    for (size_t k = 0; k < n; k++)
        small &= fabs(hop_structure_forces(s)[k]) < 1e99;
    return small && isfinite(*hop_structure_energy(s)) &&
           hop__all_finite(hop_structure_forces(s), n);
}

static void ask(run *r) {
    int status = hop_optimizer_ask(r->o, r->s);
    fuzz_status(r->context, status);
    FUZZ_CHECK(
        hop__all_finite(hop_structure_positions(r->s), 3 * hop_structure_count(r->s)));
    r->asked = status == HOP_OK;
}

static void tell(run *r, fuzz_input *in) {
    const size_t n = 3 * hop_structure_count(r->s);
    double *f = hop_structure_forces(r->s), *x = hop_structure_positions(r->s);
    const uint32_t how = fuzz_byte(in);
    double energy = 0.0;
    for (size_t k = 0; k < n; k++) {
        f[k] = -x[k]; /* a bowl */
        energy += 0.5 * x[k] * x[k];
    }
    if (how & 1)
        energy = fuzz_number(in);
    if (how & 2)
        f[fuzz_below(in, (uint32_t)n)] = fuzz_number(in);
    if (how & 4)
        energy += fuzz_coordinate(in);
    *hop_structure_energy(r->s) = energy;
    int status = hop_optimizer_tell(r->o, r->s);
    FUZZ_CHECK(status == (r->asked ? HOP_OK : HOP_ERROR_STATE));
    r->tells += r->asked;
    if (r->asked && good(r->s))
        r->lowest = fmin(r->lowest, energy);
    r->asked = false;
}

static void look(run *r) {
    hop_progress p = {.size = sizeof p};
    hop_structure *best;
    FUZZ_CHECK(hop_optimizer_progress(r->o, &p) == HOP_OK);
    FUZZ_CHECK(p.evaluations == r->tells);
    FUZZ_CHECK(hop_structure_copy(r->s, &best) == HOP_OK);
    if (fuzz_status(r->context, hop_optimizer_best(r->o, best)))
        FUZZ_CHECK(isfinite(*hop_structure_energy(best)) &&
                   hop__all_finite(hop_structure_positions(best),
                                   3 * hop_structure_count(best)));
    else
        FUZZ_CHECK(r->lowest == INFINITY);
    hop_structure_free(best);
}

static void act(run *r, fuzz_input *in) {
    switch (fuzz_below(in, 16)) {
    case 0: tell(r, in); break;
    case 1: ask(r); break;
    case 2: look(r); break;
    case 3: hop_cancel(r->context); break;
    case 4: hop_cancel_clear(r->context); break;
    case 5:
        fuzz_status(r->context,
                    hop_optimizer_set(r->o, "max_evaluations", fuzz_byte(in)));
        break;
    case 6:
        fuzz_status(r->context, hop_optimizer_set(r->o, "target", fuzz_number(in)));
        break;
    default:
        ask(r);
        if (r->asked)
            tell(r, in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    hop_context *context = fuzz_context();
    hop_structure *s = start(context, &in);
    hop_optimizer *o;
    const char *kind = fuzz_kind(&in);
    if (fuzz_status(context, hop_optimizer_new(context, kind, s, NULL, &o))) {
        run r = {context, o, s, INFINITY, 0, false};
        hop_optimizer_set(o, "quenches", fuzz_below(&in, 4));
        hop_optimizer_set(o, "polish", fuzz_below(&in, 8));
        hop_optimizer_set(o, "patience", fuzz_byte(&in));
        for (int k = 0; k < 400 && in.size > 0; k++)
            act(&r, &in);
        look(&r);
    }
    hop_optimizer_free(o);
    hop_structure_free(s);
    fuzz_end(context);
    return 0;
}

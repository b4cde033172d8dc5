/* Parameter files: .gupta, .sw and .lj parsers on the same text; what they accept gives
   finite results or says why not. */
#include <math.h>

#include "base/vector_math.h"
#include "fuzz.h"
#include "potentials/potential.h"

/* Elements the potential knows, two at most. */
static size_t known(const hop_potential *potential, int32_t numbers[2]) {
    size_t count = 0;
    for (int32_t z = 0; z <= 118 && count < 2; z++) {
        hop_scales scales = {.size = sizeof scales};
        if (hop_potential_scales(potential, z, &scales) != HOP_OK)
            continue;
        FUZZ_CHECK(scales.length > 0.0 && isfinite(scales.length));
        FUZZ_CHECK(scales.energy > 0.0 && isfinite(scales.energy));
        FUZZ_CHECK(scales.stiffness > 0.0 && isfinite(scales.stiffness));
        numbers[count++] = z;
    }
    return count;
}

static void evaluate(hop_context *context, hop_potential *potential, hop_structure *s) {
    double v[12] = {0.3, -0.1, 0.2}, hv[12];
    if (fuzz_status(context, hop_potential_evaluate(potential, s))) {
        FUZZ_CHECK(isfinite(*hop_structure_energy(s)));
        FUZZ_CHECK(hop__all_finite(hop_structure_forces(s), 12));
    } else {
        FUZZ_CHECK(isnan(*hop_structure_energy(s)));
    }
    if (fuzz_status(context, hop_potential_hessian_vector(potential, s, v, hv)))
        FUZZ_CHECK(hop__all_finite(hv, 12));
}

static void use(hop_context *context, hop_potential *potential) {
    static const double x[12] = {0, 0, 0, 2.7, 0.1, 0, 0.2, 2.9, 0.3, 1.1, 1.2, 2.5};
    int32_t species[2], numbers[4];
    hop_structure *s;
    const size_t count = known(potential, species);
    double cutoff = hop_potential_cutoff(potential);
    FUZZ_CHECK(cutoff > 0.0);
    if (count == 0)
        return;
    for (size_t k = 0; k < 4; k++)
        numbers[k] = species[k % count];
    FUZZ_CHECK(hop_structure_new(context, 4, numbers, &s) == HOP_OK);
    for (size_t k = 0; k < 12; k++)
        hop_structure_positions(s)[k] = x[k];
    evaluate(context, potential, s);
    for (int a = 0; a < 3 && cutoff < 30.0; a++) {
        hop_structure_cell(s)[4 * a] = 8.0 - a;
        hop_structure_periodic(s)[a] = 1;
    }
    evaluate(context, potential, s);
    hop_structure_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const hop__potential_kind *const kinds[] = {
        &hop__gupta_kind, &hop__stillinger_weber_kind, &hop__lennard_jones_kind};
    hop_context *context = fuzz_context();
    for (size_t k = 0; k < 3; k++) {
        void *parameters = NULL;
        hop_potential *potential;
        int status =
            kinds[k]->parse(context, "file", (const char *)data, size, &parameters);
        if (!fuzz_status(context, status))
            continue;
        FUZZ_CHECK(hop__potential_make(context, kinds[k], parameters, &potential) ==
                   HOP_OK);
        use(context, potential);
        hop_potential_free(potential);
    }
    fuzz_end(context);
    return 0;
}

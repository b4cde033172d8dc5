/* Structures made of anything: neighbour lists, evaluation, Hessian products, stress. */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "fuzz.h"
#include "structure/neighbors.h"

#define MOST 12

/* Lattice vectors shorter than 1 or nearly dependent: an atom then has thousands of
   neighbours and images, which is no error but costs memory and time in proportion. */
static bool crowded(hop_structure *s) {
    const double *h = hop_structure_cell(s);
    const int32_t *periodic = hop_structure_periodic(s);
    double rows[9];
    for (int a = 0; a < 3; a++)
        for (int c = 0; c < 3; c++)
            rows[3 * a + c] = periodic[a] ? h[3 * a + c] : 0.0;
    double gram[9];
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            gram[3 * a + b] =
                a == b && !periodic[a] ? 1.0 : hop__dot(rows + 3 * a, rows + 3 * b, 3);
    double squares = gram[0] * gram[4] * gram[8];
    for (int a = 0; a < 3; a++)
        if (periodic[a] && !(gram[4 * a] >= 1.0))
            return true;
    return !(hop__determinant3(gram) >= 0.01 * squares);
}

static hop_structure *make(hop_context *context, fuzz_input *in) {
    static const int32_t species[] = {47, 79, 14, 0, 18};
    int32_t numbers[MOST];
    hop_structure *s;
    const bool odd = fuzz_byte(in) % 8 == 0; /* any number anywhere */
    const size_t n = 1 + fuzz_below(in, MOST);
    const uint32_t mix = fuzz_byte(in);
    for (size_t i = 0; i < n; i++)
        numbers[i] = species[mix < 128 ? mix % 5 : fuzz_below(in, 5)];
    FUZZ_CHECK(hop_structure_new(context, n, numbers, &s) == HOP_OK);
    const uint32_t periodic = fuzz_byte(in);
    for (int a = 0; a < 3; a++) {
        hop_structure_periodic(s)[a] = periodic >> a & 1;
        for (int c = 0; c < 3; c++)
            hop_structure_cell(s)[3 * a + c] = odd      ? fuzz_number(in)
                                               : a == c ? 3.0 + fuzz_below(in, 8)
                                                        : fuzz_coordinate(in) / 8.0;
    }
    for (size_t k = 0; k < 3 * n; k++)
        hop_structure_positions(s)[k] =
            odd ? fuzz_number(in) : fuzz_coordinate(in) / 2.0;
    return s;
}

/* Each pair stands under both of its atoms, with the opposite vector. */
static void check_list(const hop__neighbors *list, size_t n) {
    double balance[3] = {0.0, 0.0, 0.0}, size = 0.0;
    int64_t degree[MOST] = {0};
    FUZZ_CHECK(list->atoms == n && list->images >= n);
    for (size_t i = 0; i < n; i++)
        for (int32_t k = 0; k < list->count[i]; k++) {
            size_t place = (size_t)list->index[list->first[i] + (size_t)k];
            FUZZ_CHECK(place < list->images && place != i);
            size_t home = (size_t)list->home[place];
            FUZZ_CHECK(home < n && list->atom[home] == list->atom[place]);
            degree[i]++;
            degree[home]--;
            for (size_t c = 0; c < 3; c++) {
                double d = list->positions[4 * place + c] - list->positions[4 * i + c];
                balance[c] += d;
                size += fabs(d);
            }
        }
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(degree[i] == 0 && (size_t)list->place[list->atom[i]] == i);
    for (int c = 0; c < 3; c++)
        FUZZ_CHECK(fabs(balance[c]) <= 1e-9 * size);
}

static void evaluate(hop_context *context, const char *name, hop_structure *s) {
    hop_potential *potential;
    double v[3 * MOST], hv[3 * MOST], stress[6];
    const size_t n = 3 * hop_structure_count(s);
    FUZZ_CHECK(hop_potential_builtin(context, name, &potential) == HOP_OK);
    int status = hop_potential_evaluate(potential, s);
    if (fuzz_status(context, status)) {
        FUZZ_CHECK(isfinite(*hop_structure_energy(s)));
        FUZZ_CHECK(hop__all_finite(hop_structure_forces(s), n));
    } else {
        FUZZ_CHECK(status < 0 && isnan(*hop_structure_energy(s)));
    }
    for (size_t k = 0; k < n; k++)
        v[k] = (double)(k % 5) - 2.0;
    if (fuzz_status(context, hop_potential_hessian_vector(potential, s, v, hv)))
        FUZZ_CHECK(hop__all_finite(hv, n));
    fuzz_status(context, hop_structure_stress(s, stress));
    hop_potential_free(potential);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"AgAu-cutoff.gupta", "AgAu.gupta", "Si.sw",
                                        "Ar.lj", "LJ.lj"};
    fuzz_input in = {data, size};
    hop_context *context = fuzz_context();
    const char *name = names[fuzz_below(&in, 5)];
    hop_structure *s = make(context, &in), *copy;
    hop__neighbors *list;
    if (crowded(s))
        hop_structure_periodic(s)[0] = hop_structure_periodic(s)[1] =
            hop_structure_periodic(s)[2] = 0;
    FUZZ_CHECK(hop__neighbors_new(context, &list) == HOP_OK);
    /* as potentials do: the list is asked only for what the check lets through */
    for (int k = 0; k < 2; k++) {
        if (fuzz_status(context, hop__structure_check(context, s)) &&
            fuzz_status(context, hop__neighbors_update(list, s, 4.0, k * 0.5)))
            check_list(list, hop_structure_count(s));
        evaluate(context, name, s);
        for (size_t c = 0; c < 3; c++) /* and again where the list may be kept */
            hop_structure_positions(s)[c] += 0.1 * fuzz_coordinate(&in);
    }
    FUZZ_CHECK(hop_structure_copy(s, &copy) == HOP_OK);
    FUZZ_CHECK(hop__structure_match(context, "copy", s, copy) == HOP_OK);
    hop_structure_free(copy);
    hop__neighbors_free(list);
    hop_structure_free(s);
    fuzz_end(context);
    return 0;
}

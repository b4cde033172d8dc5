#include "structure/structure.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "base/vector_math.h"
#include "structure/elements.h"

#define MAX_ATOMS 100000000u

static int check_numbers(hop_context *context, size_t count, const int32_t *numbers) {
    if (count < 1 || count > MAX_ATOMS)
        return hop__fail(context, count < 1 ? HOP_ERROR_ARGUMENT : HOP_ERROR_RANGE,
                         "structure: expected 1 to %u atoms, got %zu", MAX_ATOMS,
                         count);
    if (!numbers)
        return hop__fail(context, HOP_ERROR_ARGUMENT, "structure: numbers is NULL");
    bool known = true;
    for (size_t i = 0; i < count; i++)
        known &= (uint32_t)numbers[i] < HOP__ELEMENTS;
    for (size_t i = 0; !known && i < count; i++)
        if (numbers[i] < 0 || numbers[i] >= HOP__ELEMENTS)
            return hop__fail(
                context, HOP_ERROR_ARGUMENT,
                "atom %zu: expected an atomic number from 0 to %d, got %ld", i,
                HOP__ELEMENTS - 1, (long)numbers[i]);
    return HOP_OK;
}

/* Give every array that the host did not bring a place in one block of our own. */
static int place_arrays(hop_structure *s, const hop_structure_arrays *host) {
    const size_t n = s->count;
    double **reals[] = {&s->positions, &s->cell,   &s->energy,
                        &s->forces,    &s->virial, &s->energies};
    double *given[] = {host->positions, host->cell,   host->energy,
                       host->forces,    host->virial, host->energies};
    const size_t lengths[] = {3 * n, 9, 1, 3 * n, 6, n};
    double *block = hop__allocate(s->context, 7 * n + 16 + n + 2, sizeof(double));
    if (!block)
        return HOP_ERROR_MEMORY;
    s->owned = block;
    for (int k = 0; k < 6; k++) {
        *reals[k] = given[k] ? given[k] : block;
        block += lengths[k];
    }
    int32_t *integers = (int32_t *)block;
    s->numbers = host->numbers ? host->numbers : integers;
    s->fixed = host->fixed ? host->fixed : integers + n;
    s->periodic = host->periodic ? host->periodic : integers + 2 * n;
    return HOP_OK;
}

static int make(hop_context *context, const hop_structure_arrays *host,
                hop_structure **out) {
    hop_structure *s = hop__allocate(context, 1, sizeof *s);
    if (!s)
        return HOP_ERROR_MEMORY;
    s->context = context;
    s->count = host->count;
    if (place_arrays(s, host) != HOP_OK) {
        hop__release(context, s);
        return HOP_ERROR_MEMORY;
    }
    hop__context_retain(context);
    *out = s;
    return HOP_OK;
}

int hop_structure_new(hop_context *context, size_t count, const int32_t *numbers,
                      hop_structure **out) {
    if (out)
        *out = NULL;
    if (!context || !out)
        return hop__missing(context, "out");
    int status = check_numbers(context, count, numbers);
    hop_structure_arrays host = {.size = sizeof host, .count = count};
    if (status == HOP_OK)
        status = make(context, &host, out);
    if (status != HOP_OK)
        return status;
    memcpy((*out)->numbers, numbers, count * sizeof *numbers);
    hop__structure_forget(*out);
    return HOP_OK;
}

int hop__structure_blank(hop_context *context, size_t count, hop_structure **out) {
    int32_t *numbers = hop__allocate(context, count, sizeof *numbers);
    if (!numbers)
        return HOP_ERROR_MEMORY;
    int status = hop_structure_new(context, count, numbers, out);
    hop__release(context, numbers);
    return status;
}

static void unknown(double *values, size_t count) {
    for (size_t k = 0; k < count; k++)
        values[k] = NAN;
}

/* Results that the host did not bring are not known yet. */
static void forget_own(hop_structure *s, const hop_structure_arrays *host) {
    unknown(s->energy, host->energy ? 0 : 1);
    unknown(s->forces, host->forces ? 0 : 3 * s->count);
    unknown(s->virial, host->virial ? 0 : 6);
    unknown(s->energies, host->energies ? 0 : s->count);
}

int hop_structure_wrap(hop_context *context, const hop_structure_arrays *arrays,
                       hop_structure **out) {
    if (out)
        *out = NULL;
    if (!context || !arrays || !out)
        return hop__missing(context, "arrays or out");
    if (arrays->size < sizeof *arrays)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "hop_structure_arrays: expected size %zu, got %zu",
                         sizeof *arrays, arrays->size);
    int status = check_numbers(context, arrays->count, arrays->numbers);
    if (status == HOP_OK && !arrays->positions)
        status = hop__fail(context, HOP_ERROR_ARGUMENT, "structure: positions is NULL");
    if (status == HOP_OK)
        status = make(context, arrays, out);
    if (status == HOP_OK)
        forget_own(*out, arrays);
    return status;
}

int hop_structure_copy(const hop_structure *structure, hop_structure **out) {
    if (out)
        *out = NULL;
    if (!structure || !out)
        return hop__missing(structure ? structure->context : NULL, "out");
    const size_t n = structure->count;
    int status = hop_structure_new(structure->context, n, structure->numbers, out);
    hop_structure *copy = *out;
    if (!copy)
        return status;
    memcpy(copy->positions, structure->positions, 3 * n * sizeof(double));
    memcpy(copy->cell, structure->cell, 9 * sizeof(double));
    memcpy(copy->periodic, structure->periodic, 3 * sizeof(int32_t));
    memcpy(copy->fixed, structure->fixed, n * sizeof(int32_t));
    memcpy(copy->forces, structure->forces, 3 * n * sizeof(double));
    memcpy(copy->virial, structure->virial, 6 * sizeof(double));
    memcpy(copy->energies, structure->energies, n * sizeof(double));
    *copy->energy = *structure->energy;
    return HOP_OK;
}

void hop_structure_free(hop_structure *structure) {
    if (!structure)
        return;
    hop_context *context = structure->context;
    hop__release(context, structure->owned);
    hop__release(context, structure);
    hop__context_release(context);
}

size_t hop_structure_count(const hop_structure *s) { return s ? s->count : 0; }
int32_t *hop_structure_numbers(hop_structure *s) { return s ? s->numbers : NULL; }
double *hop_structure_positions(hop_structure *s) { return s ? s->positions : NULL; }
double *hop_structure_cell(hop_structure *s) { return s ? s->cell : NULL; }
int32_t *hop_structure_periodic(hop_structure *s) { return s ? s->periodic : NULL; }
int32_t *hop_structure_fixed(hop_structure *s) { return s ? s->fixed : NULL; }
double *hop_structure_energy(hop_structure *s) { return s ? s->energy : NULL; }
double *hop_structure_forces(hop_structure *s) { return s ? s->forces : NULL; }
double *hop_structure_virial(hop_structure *s) { return s ? s->virial : NULL; }
double *hop_structure_energies(hop_structure *s) { return s ? s->energies : NULL; }

int hop_structure_stress(const hop_structure *s, double *stress) {
    if (!s || !stress)
        return hop__missing(s ? s->context : NULL, "stress");
    if (!s->periodic[0] || !s->periodic[1] || !s->periodic[2])
        return hop__fail(
            s->context, HOP_ERROR_STATE,
            "stress: expected a structure periodic in all three directions");
    if (!hop__all_finite(s->virial, 6))
        return hop__fail(
            s->context, HOP_ERROR_STATE,
            "stress: the structure's virial is not known; evaluate it first");
    double volume = fabs(hop__determinant3(s->cell));
    if (!(volume > 0.0 && volume < INFINITY))
        return hop__fail(s->context, HOP_ERROR_STATE,
                         "stress: expected a cell with a volume, got %g", volume);
    for (int k = 0; k < 6; k++)
        stress[k] = -s->virial[k] / volume;
    return HOP_OK;
}

bool hop__structure_is_periodic(const hop_structure *s) {
    return s->periodic[0] || s->periodic[1] || s->periodic[2];
}

void hop__structure_forget(hop_structure *s) {
    unknown(s->energy, 1);
    unknown(s->forces, 3 * s->count);
    unknown(s->virial, 6);
    unknown(s->energies, s->count);
}

int hop__structure_match(hop_context *context, const char *what, const hop_structure *a,
                         const hop_structure *b) {
    if (a->count != b->count)
        return hop__fail(context, HOP_ERROR_ARGUMENT, "%s: expected %zu atoms, got %zu",
                         what, a->count, b->count);
    if (memcmp(a->numbers, b->numbers, a->count * sizeof *a->numbers) == 0)
        return HOP_OK;
    for (size_t i = 0; i < a->count; i++)
        if (a->numbers[i] != b->numbers[i])
            return hop__fail(context, HOP_ERROR_ARGUMENT,
                             "%s: atom %zu: expected atomic number %ld, got %ld", what,
                             i, (long)a->numbers[i], (long)b->numbers[i]);
    return HOP_OK;
}

/* ---- checks ---- */

#define PART 4096     /* atoms that are looked at together */
#define THREADED 8192 /* atoms from which on threads pay */

typedef struct rows {
    const double *x;
    size_t atoms;
    atomic_bool finite;
} rows;

static void look_at_part(void *argument, size_t part, size_t worker) {
    rows *r = argument;
    const size_t begin = part * PART, left = r->atoms - begin;
    (void)worker;
    if (!hop__all_finite(r->x + 3 * begin, 3 * (left < PART ? left : PART)))
        atomic_store(&r->finite, false);
}

bool hop__rows_finite(hop_context *context, const double *x, size_t atoms) {
    rows r = {.x = x, .atoms = atoms};
    if (atoms < THREADED)
        return hop__all_finite(x, 3 * atoms);
    atomic_init(&r.finite, true);
    hop__parallel(context, (size_t)context->threads, (atoms + PART - 1) / PART,
                  look_at_part, &r);
    return atomic_load(&r.finite);
}

int hop__structure_check(hop_context *context, const hop_structure *s) {
    bool finite = hop__rows_finite(context, s->positions, s->count);
    for (size_t k = 0; !finite && k < 3 * s->count; k++)
        if (!isfinite(s->positions[k]))
            return hop__fail(context, HOP_ERROR_NONFINITE,
                             "atom %zu: expected finite positions, got %c = %g", k / 3,
                             (char)('x' + k % 3), s->positions[k]);
    int status = check_numbers(context, s->count, s->numbers);
    if (status != HOP_OK || !hop__structure_is_periodic(s))
        return status;
    /* rows of directions that are not periodic may be zero: they are replaced later */
    double inverse[9];
    bool whole = s->periodic[0] && s->periodic[1] && s->periodic[2];
    if (!hop__all_finite(s->cell, 9) || (whole && !hop__invert3(s->cell, inverse)))
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "cell: expected three independent finite lattice vectors, got "
                         "volume %g",
                         hop__determinant3(s->cell));
    for (int a = 0; a < 3; a++)
        if (s->periodic[a] && hop__dot(s->cell + 3 * a, s->cell + 3 * a, 3) == 0.0)
            return hop__fail(context, HOP_ERROR_ARGUMENT,
                             "cell: periodic direction %d has a zero lattice vector",
                             a);
    return HOP_OK;
}

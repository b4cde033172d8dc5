#include "structure/generate.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/potential.h"
#include "structure/elements.h"

#define MAX_FORMULA_ATOMS 1000000

/* ---- formulas ---- */

static int bad_formula(hop_context *context, const char *formula, const char *expected,
                       const char *at) {
    char quote[HOP__QUOTE_SIZE];
    return hop__fail(context, HOP_ERROR_ARGUMENT,
                     "formula '%.60s': expected %s at position %zu, got '%s'", formula,
                     expected, (size_t)(at - formula),
                     hop__quote((hop__span){at, strlen(at)}, quote));
}

static size_t symbol_length(const char *at) {
    size_t length = 0;
    if (at[0] >= 'A' && at[0] <= 'Z')
        for (length = 1; at[length] >= 'a' && at[length] <= 'z';)
            length++;
    return length;
}

/* One term such as "Ag19"; *number and *atoms receive it, the return value is its end. */
static const char *parse_term(const char *at, int32_t *number, int64_t *atoms) {
    size_t letters = symbol_length(at), digits = 0;
    *number = hop__element_from_span((hop__span){at, letters});
    at += letters;
    while (at[digits] >= '0' && at[digits] <= '9')
        digits++;
    *atoms = 1;
    if (digits > 0 && !hop__span_integer((hop__span){at, digits}, atoms))
        *atoms = -1;
    return at + digits;
}

int hop__formula_parse(hop_context *context, const char *formula, int32_t **numbers,
                       size_t *count) {
    *numbers = NULL;
    *count = 0;
    if (!*formula)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "formula: expected something like Ag19Au19, got ''");
    for (int pass = 0; pass < 2; pass++) {
        size_t total = 0;
        for (const char *at = formula; *at;) {
            int32_t number;
            int64_t atoms;
            const char *next = parse_term(at, &number, &atoms);
            if (number < 0)
                return bad_formula(context, formula, "an element symbol", at);
            if (atoms < 1 || total + (size_t)atoms > MAX_FORMULA_ATOMS)
                return bad_formula(context, formula, "1 to 1000000 atoms", at);
            if (pass == 1)
                for (int64_t k = 0; k < atoms; k++)
                    (*numbers)[total + (size_t)k] = number;
            total += (size_t)atoms;
            at = next;
        }
        if (pass == 0 && !(*numbers = hop__allocate(context, total, sizeof **numbers)))
            return HOP_ERROR_MEMORY;
        *count = total;
    }
    return HOP_OK;
}

/* ---- random positions ---- */

#define CLOSEST 0.7       /* of the mean length of the two atoms */
#define TRIES 400         /* random points for one atom before the room grows */
#define PACKING 0.7404805 /* of close-packed spheres */

static bool too_close(const double *positions, const double *lengths, size_t i,
                      double factor) {
    for (size_t j = 0; j < i; j++) {
        double square = 0.0, least = 0.5 * factor * (lengths[i] + lengths[j]);
        for (int c = 0; c < 3; c++) {
            double d = positions[3 * i + c] - positions[3 * j + c];
            square += d * d;
        }
        if (square < least * least)
            return true;
    }
    return false;
}

static void point_in_sphere(hop__random *random, double radius, double *x) {
    double unit[3], r = radius * cbrt(hop__random_uniform(random));
    hop__random_direction(random, unit);
    for (int c = 0; c < 3; c++)
        x[c] = r * unit[c];
}

void hop__generate_cluster(hop__random *random, size_t count, const double *lengths,
                           double *positions) {
    double volume = 0.0;
    for (size_t i = 0; i < count; i++)
        volume += lengths[i] * lengths[i] * lengths[i];
    /* spheres of diameter `length`, close-packed: 4/3 pi R^3 packing = sum pi/6 d^3 */
    double radius = cbrt(volume / (8.0 * PACKING));
    for (size_t i = 0; i < count; i++) {
        int tries = 0;
        do {
            if (++tries % TRIES == 0)
                radius *= 1.02;
            point_in_sphere(random, radius, positions + 3 * i);
        } while (too_close(positions, lengths, i, CLOSEST));
    }
}

/* Squared distance to the nearest of the 27 closest images. */
static double image_distance2(const double *a, const double *b, const double cell[9],
                              const int32_t periodic[3]) {
    double nearest = INFINITY;
    for (int u = -periodic[0]; u <= periodic[0]; u++)
        for (int v = -periodic[1]; v <= periodic[1]; v++)
            for (int w = -periodic[2]; w <= periodic[2]; w++) {
                double square = 0.0;
                for (int c = 0; c < 3; c++) {
                    double d =
                        a[c] - b[c] + u * cell[c] + v * cell[3 + c] + w * cell[6 + c];
                    square += d * d;
                }
                nearest = square < nearest ? square : nearest;
            }
    return nearest;
}

void hop__generate_in_cell(hop__random *random, size_t count, const double *lengths,
                           const double cell[9], const int32_t periodic[3],
                           double *positions) {
    double factor = CLOSEST;
    const int32_t sides[3] = {periodic[0] != 0, periodic[1] != 0, periodic[2] != 0};
    for (size_t i = 0; i < count; i++) {
        bool close = true;
        for (int tries = 1; close; tries++) {
            if (tries % TRIES == 0)
                factor *= 0.95; /* a crowded cell: let them be nearer */
            double *x = positions + 3 * i, f[3];
            for (int a = 0; a < 3; a++)
                f[a] = hop__random_uniform(random);
            for (int c = 0; c < 3; c++)
                x[c] = f[0] * cell[c] + f[1] * cell[3 + c] + f[2] * cell[6 + c];
            close = false;
            for (size_t j = 0; j < i && !close; j++) {
                double least = 0.5 * factor * (lengths[i] + lengths[j]);
                close =
                    image_distance2(x, positions + 3 * j, cell, sides) < least * least;
            }
        }
    }
}

void hop__generate_start(hop__random *random, hop_structure *s, const double *lengths) {
    if (hop__structure_is_periodic(s))
        hop__generate_in_cell(random, s->count, lengths, s->cell, s->periodic,
                              s->positions);
    else
        hop__generate_cluster(random, s->count, lengths, s->positions);
}

static void shuffle(hop__random *random, int32_t *numbers, double *lengths,
                    size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t j = hop__random_below(random, i);
        int32_t number = numbers[i - 1];
        double length = lengths[i - 1];
        numbers[i - 1] = numbers[j];
        lengths[i - 1] = lengths[j];
        numbers[j] = number;
        lengths[j] = length;
    }
}

/* Sites are filled in random order of species, then sorted back into the formula's order,
   so that atom i has the same element for every seed. */
static int random_structure(hop_context *context, int32_t *numbers, double *work,
                            size_t count, hop__random *random, hop_structure **out) {
    double *lengths = work, *positions = work + count;
    int status = hop_structure_new(context, count, numbers, out);
    if (status != HOP_OK)
        return status;
    shuffle(random, numbers, lengths, count);
    hop__generate_cluster(random, count, lengths, positions);
    for (size_t i = 0, from = 0; i < count; i++) {
        for (from = 0; numbers[from] != (*out)->numbers[i]; from++)
            ;
        memcpy((*out)->positions + 3 * i, positions + 3 * from, 3 * sizeof(double));
        numbers[from] = -1;
    }
    return HOP_OK;
}

int hop_structure_random(hop_context *context, const char *formula,
                         const hop_potential *potential, uint64_t seed,
                         hop_structure **out) {
    if (out)
        *out = NULL;
    if (!context || !formula || !out)
        return hop__missing(context, "formula or out");
    int32_t *numbers;
    size_t count;
    hop__units units;
    int status = hop__formula_parse(context, formula, &numbers, &count);
    if (status != HOP_OK)
        return status;
    double *work = hop__allocate(context, 4 * count, sizeof *work);
    status = work ? HOP_OK : HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status = hop__units_of(context, potential, count, numbers, &units, work, NULL);
    hop__random random = hop__random_start(seed, 0x72616e646f6dULL);
    if (status == HOP_OK)
        status = random_structure(context, numbers, work, count, &random, out);
    hop__release(context, work);
    hop__release(context, numbers);
    return status;
}

int hop_structure_scatter(hop_structure *s, const hop_potential *potential,
                          uint64_t seed) {
    if (!s)
        return HOP_ERROR_ARGUMENT;
    hop_context *context = s->context;
    hop__units units;
    int status = hop__structure_check(context, s);
    for (size_t i = 0; status == HOP_OK && i < s->count; i++)
        if (s->fixed[i])
            return hop__fail(context, HOP_ERROR_ARGUMENT,
                             "scatter: expected no fixed atoms, got atom %zu", i);
    double *lengths = hop__allocate(context, s->count, sizeof *lengths);
    status = !lengths ? HOP_ERROR_MEMORY : status;
    if (status == HOP_OK)
        status = hop__units_of(context, potential, s->count, s->numbers, &units,
                               lengths, NULL);
    hop__random random = hop__random_start(seed, 0x73636174746572ULL);
    if (status == HOP_OK) {
        hop__generate_start(&random, s, lengths);
        hop__structure_forget(s);
    }
    hop__release(context, lengths);
    return status;
}

#include "learning/shapes.h"

#include <math.h>
#include <string.h>

#include "base/sort.h"
#include "base/vector_math.h"

#define ALIKE 0.006 /* difference of prints, root mean square */
#define PAIRS (HOP__SHAPE_ATOMS * (HOP__SHAPE_ATOMS - 1) / 2)

static double distance(const double *a, const double *b) {
    const double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    return sqrt(x * x + y * y + z * z);
}

static void print(size_t n, const double *x, double out[HOP__SHAPE_PRINTS]) {
    double pair[PAIRS], mean = 0.0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            mean += pair[count++] = distance(x + 3 * i, x + 3 * j);
    mean /= (double)count;
    hop__sort(pair, count, sizeof *pair, hop__sort_rising);
    for (size_t k = 0; k < HOP__SHAPE_PRINTS; k++) {
        const size_t from = k * count / HOP__SHAPE_PRINTS;
        const size_t to = (k + 1) * count / HOP__SHAPE_PRINTS;
        out[k] = 0.0;
        for (size_t p = from; p < to; p++)
            out[k] += pair[p] / (mean * (double)(to - from));
    }
}

/* 0 where two atoms are in one place. */
static double mean_nearest(size_t n, const double *x) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        double nearest = INFINITY;
        for (size_t j = 0; j < n; j++)
            if (j != i)
                nearest = fmin(nearest, distance(x + 3 * i, x + 3 * j));
        if (nearest == 0.0)
            return 0.0;
        sum += nearest;
    }
    return sum / (double)n;
}

bool hop__shape_of(size_t n, const double *x, double value, double *slot) {
    if (n < 3 || n > HOP__SHAPE_ATOMS)
        return false;
    const double unit = mean_nearest(n, x);
    double centre[3] = {0.0, 0.0, 0.0};
    if (!isfinite(unit) || unit <= 0.0)
        return false;
    for (size_t a = 0; a < 3 * n; a++)
        centre[a % 3] += x[a] / (double)n;
    for (size_t a = 0; a < 3 * n; a++)
        if (fabs(x[a] - centre[a % 3]) > HOP__SHAPE_ATOMS * unit)
            return false;
    memset(slot, 0, HOP__SHAPE_NUMBERS * sizeof *slot);
    slot[HOP__SHAPE_SIZE] = (double)n;
    slot[HOP__SHAPE_VALUE] = value;
    for (size_t a = 0; a < 3 * n; a++)
        slot[HOP__SHAPE_PLACES + a] = (x[a] - centre[a % 3]) / unit;
    print(n, slot + HOP__SHAPE_PLACES, slot + HOP__SHAPE_PRINT);
    return true;
}

bool hop__shapes_alike(const double *a, const double *b) {
    double square = 0.0;
    for (size_t k = HOP__SHAPE_PRINT; k < HOP__SHAPE_PLACES; k++)
        square += (a[k] - b[k]) * (a[k] - b[k]);
    return a[HOP__SHAPE_SIZE] == b[HOP__SHAPE_SIZE] &&
           square < ALIKE * ALIKE * HOP__SHAPE_PRINTS;
}

void hop__shapes_add(double *library, const double *slot) {
    double *least = library;
    for (size_t k = 0; k < HOP__SHAPES; k++) {
        double *at = library + k * HOP__SHAPE_NUMBERS;
        if (at[HOP__SHAPE_SIZE] > 0.0 && hop__shapes_alike(at, slot)) {
            at[HOP__SHAPE_VALUE] =
                fmin(at[HOP__SHAPE_VALUE] + slot[HOP__SHAPE_VALUE], HOP__SHAPE_BEST);
            return;
        }
        if (at[HOP__SHAPE_VALUE] < least[HOP__SHAPE_VALUE])
            least = at;
    }
    if (least[HOP__SHAPE_VALUE] < slot[HOP__SHAPE_VALUE])
        memcpy(least, slot, HOP__SHAPE_NUMBERS * sizeof *slot);
}

bool hop__shape_possible(const double *slot) {
    const double size = slot[HOP__SHAPE_SIZE];
    for (size_t k = HOP__SHAPE_PLACES; k < HOP__SHAPE_NUMBERS; k++)
        if (!(fabs(slot[k]) <= HOP__SHAPE_ATOMS))
            return false;
    return size >= 3.0 && size <= HOP__SHAPE_ATOMS && size == floor(size) &&
           hop__all_finite(slot, HOP__SHAPE_PLACES);
}

static bool possible(const double *slot) {
    const double value = slot[HOP__SHAPE_VALUE];
    if (slot[HOP__SHAPE_SIZE] == 0.0)
        return value == 0.0;
    return value > 0.0 && value <= HOP__SHAPE_BEST && hop__shape_possible(slot);
}

bool hop__shapes_possible(const double *library) {
    for (size_t k = 0; k < HOP__SHAPES; k++)
        if (!possible(library + k * HOP__SHAPE_NUMBERS))
            return false;
    return true;
}

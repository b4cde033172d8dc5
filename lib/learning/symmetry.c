#include "learning/symmetry.h"

#include <string.h>

#include "base/memory.h"
#include "learning/lstm.h"
#include "learning/symmetry_kernels.h"
#include "structure/structure.h"

#define FAR 1e10 /* where the atoms are that fill up the last lanes */
#define SKIN 0.3 /* of the neighbour list, in lengths */

static const double radius[HOP__SHELLS] = HOP__SHELL_RADII;
/* out = scale * sum - shift */
static const double scale[HOP__SYMMETRIES] = {0.7, 0.2, 0.1, 2.0};
static const double shift[HOP__SYMMETRIES] = {1.0, 1.0, 1.0, 0.0};

int hop__symmetry_new(hop_context *context, size_t capacity, const hop_structure *start,
                      hop__symmetry **out) {
    *out = NULL;
    hop__symmetry *s = hop__allocate(context, 1, sizeof *s);
    if (!s)
        return HOP_ERROR_MEMORY;
    const size_t stride = hop__lstm_stride(capacity);
    s->context = context;
    s->capacity = capacity;
    s->rows = hop__allocate(context, (4 + HOP__SYMMETRIES) * stride, sizeof *s->rows);
    int status = s->rows ? HOP_OK : HOP_ERROR_MEMORY;
    if (status == HOP_OK && start && hop__structure_is_periodic(start)) {
        status = hop_structure_copy(start, &s->periodic);
        if (status == HOP_OK)
            status = hop__neighbors_new(context, &s->neighbors);
    }
    if (status != HOP_OK) {
        hop__symmetry_free(s);
        return status;
    }
    s->sums = s->rows + 4 * stride;
    *out = s;
    return HOP_OK;
}

void hop__symmetry_free(hop__symmetry *s) {
    if (!s)
        return;
    hop_context *context = s->context;
    hop__neighbors_free(s->neighbors);
    hop_structure_free(s->periodic);
    hop__release(context, s->rows);
    hop__release(context, s);
}

static void sum_cluster(hop__symmetry *s, size_t count, size_t stride, double length,
                        const double *x, const double *size) {
    double *row[3] = {s->rows, s->rows + stride, s->rows + 2 * stride};
    double *sizes = s->rows + 3 * stride;
    for (size_t i = 0; i < stride; i++)
        for (size_t c = 0; c < 3; c++)
            row[c][i] = i < count ? x[3 * i + c] / length : FAR;
    memcpy(sizes, size, count * sizeof *sizes);
    memset(sizes + count, 0, (stride - count) * sizeof *sizes);
    switch (s->context->isa) {
    case HOP__ISA_AVX512:
        hop__symmetry_sums_avx512(count, stride, row[0], row[1], row[2], sizes,
                                  s->sums);
        break;
    case HOP__ISA_AVX2:
        hop__symmetry_sums_avx2(count, stride, row[0], row[1], row[2], sizes, s->sums);
        break;
    default:
        hop__symmetry_sums_base(count, stride, row[0], row[1], row[2], sizes, s->sums);
    }
    for (size_t i = 0; i < count; i++) { /* without the atom itself */
        for (size_t k = 0; k < HOP__SHELLS; k++)
            s->sums[k * stride + i] -= 1.0;
        s->sums[HOP__SHELLS * stride + i] -= size[i];
    }
}

static void add_neighbor(double square, double size, double sum[HOP__SYMMETRIES]) {
    for (int k = 0; k < HOP__SHELLS; k++) {
        double a = 1.0 - square / (radius[k] * radius[k]);
        double cube = a > 0.0 ? a * a * a : 0.0;
        sum[k] += cube;
        if (k == 1)
            sum[HOP__SHELLS] += cube * size;
    }
}

static void sum_periodic(hop__symmetry *s, size_t count, size_t stride, double length,
                         const double *x, const double *size) {
    const double reach = radius[HOP__SHELLS - 1] * length;
    const hop__neighbors *list = s->neighbors;
    memcpy(s->periodic->positions, x, 3 * count * sizeof *x);
    memset(s->sums, 0, HOP__SYMMETRIES * stride * sizeof *s->sums);
    if (hop__neighbors_update(s->neighbors, s->periodic, reach, SKIN * length) !=
        HOP_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        const size_t place = (size_t)list->place[i];
        const double *at = list->positions + 4 * place;
        const int32_t *row = list->index + list->first[place];
        double sum[HOP__SYMMETRIES] = {0};
        for (int32_t m = 0; m < list->count[place]; m++) {
            const double *to = list->positions + 4 * (size_t)row[m];
            double dx = (to[0] - at[0]) / length, dy = (to[1] - at[1]) / length;
            double dz = (to[2] - at[2]) / length;
            add_neighbor(dx * dx + dy * dy + dz * dz, size[list->atom[row[m]]], sum);
        }
        for (size_t k = 0; k < HOP__SYMMETRIES; k++)
            s->sums[k * stride + i] = sum[k];
    }
}

void hop__symmetry_forward(hop__symmetry *s, size_t count, size_t stride, double length,
                           const double *x, const double *size, double *out) {
    (s->periodic ? sum_periodic : sum_cluster)(s, count, stride, length, x, size);
    for (size_t k = 0; k < HOP__SYMMETRIES; k++)
        for (size_t i = 0; i < count; i++)
            out[k * stride + i] = scale[k] * s->sums[k * stride + i] - shift[k];
}

void hop__symmetry_backward(const hop__symmetry *s, size_t count, size_t stride,
                            double length, const double *x, const double *size,
                            const double *out_bar, double *x_bar) {
    (void)s;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            double d[3], square = 0.0, slope = 0.0;
            for (size_t c = 0; c < 3; c++) {
                d[c] = (x[3 * i + c] - x[3 * j + c]) / length;
                square += d[c] * d[c];
            }
            for (size_t k = 0; k < HOP__SHELLS; k++) {
                const double inverse = 1.0 / (radius[k] * radius[k]);
                const double a = 1.0 - square * inverse;
                if (a <= 0.0)
                    continue;
                const double *bar = out_bar + k * stride;
                double up = scale[k] * (bar[i] + bar[j]);
                if (k == 1) {
                    const double *other = out_bar + HOP__SHELLS * stride;
                    up +=
                        scale[HOP__SHELLS] * (other[i] * size[j] + other[j] * size[i]);
                }
                slope -= up * 6.0 * inverse * a * a;
            }
            for (size_t c = 0; c < 3; c++) {
                x_bar[3 * i + c] += slope * d[c];
                x_bar[3 * j + c] -= slope * d[c];
            }
        }
}

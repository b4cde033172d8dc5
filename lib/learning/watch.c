#include "learning/watch.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"

#define TENTH 0.43429448190325182765 /* 1 / ln 10 */
#define ESTIMATE 0.3                 /* weight of the estimate in the loss */

const hop__lstm_shape hop__watch_shape = {HOP__WATCH_INPUTS, HOP__WATCH_HIDDEN,
                                          HOP__WATCH_OUTPUTS};

int hop__watch_new(hop_context *context, hop__watch **out) {
    const size_t stride = hop__lstm_stride(1);
    const size_t rows = HOP__WATCH_INPUTS + 2 * HOP__WATCH_HIDDEN + HOP__WATCH_OUTPUTS;
    *out = NULL;
    hop__watch *w = hop__allocate(context, 1, sizeof *w);
    if (!w)
        return HOP_ERROR_MEMORY;
    w->block = hop__allocate(
        context, rows * stride + hop__lstm_record_size(&hop__watch_shape, 1),
        sizeof *w->block);
    if (!w->block) {
        hop__release(context, w);
        return HOP_ERROR_MEMORY;
    }
    w->context = context;
    w->x = w->block;
    w->h = w->x + HOP__WATCH_INPUTS * stride;
    w->c = w->h + HOP__WATCH_HIDDEN * stride;
    w->y = w->c + HOP__WATCH_HIDDEN * stride;
    w->network = w->y + HOP__WATCH_OUTPUTS * stride;
    *out = w;
    return HOP_OK;
}

void hop__watch_free(hop__watch *w) {
    if (!w)
        return;
    hop_context *context = w->context;
    hop__release(context, w->block);
    hop__release(context, w);
}

void hop__watch_record(hop__watch *w, hop__record *record) {
    const size_t state = 2 * HOP__WATCH_HIDDEN * hop__lstm_stride(1);
    hop__record_part(record, w->h, state * sizeof(double));
    HOP__RECORD_COUNT(record, w->looks);
}

void hop__watch_start(hop__watch *w) {
    memset(w->h, 0, 2 * HOP__WATCH_HIDDEN * hop__lstm_stride(1) * sizeof *w->h);
}

static double log10_of(double v) { return TENTH * hop__ln(v + 1e-8); }

/* Sign kept, large numbers compressed. */
static double compress(double v) {
    double size = 0.2 * hop__ln(1.0 + 1e3 * fabs(v));
    return v < 0.0 ? -size : size;
}

static void features(const hop__watch_input *in, double row[HOP__WATCH_INPUTS]) {
    const double square = in->rms * in->rms * in->atoms;
    const double values[HOP__WATCH_INPUTS] = {
        log10_of(in->rms) + 2.0,
        log10_of(in->most) + 1.5,
        compress(in->above),
        compress(in->fall),
        0.5 * log10_of(in->moved) + 1.0,
        in->cosine,
        0.3 * log10_of(fabs(in->above) / (square + 1e-10)),
        0.5 * hop__ln(1.0 + in->step) - 1.0,
        in->kind == 0,
        in->kind == 1,
        in->kind == 2,
        0.3 * hop__ln(1.0 + in->since) - 0.5,
        in->atoms / 30.0 - 1.0,
        in->alloy,
        in->above > 0.0 ? 1.0 : -1.0,
        0.3 * log10_of(fabs(in->fall)) + 0.5,
    };
    memcpy(row, values, sizeof values);
}

double hop__watch_step(hop__watch *w, const hop__watch_input *in) {
    const size_t stride = hop__lstm_stride(1);
    double row[HOP__WATCH_INPUTS];
    features(in, row);
    memset(w->x, 0, HOP__WATCH_INPUTS * stride * sizeof *w->x);
    for (size_t k = 0; k < HOP__WATCH_INPUTS; k++)
        w->x[k * stride] = row[k];
    hop__lstm_forward(w->context->isa, &hop__watch_shape, w->weights, 1, w->x, w->h,
                      w->c, w->y, w->network);
    w->looks++;
    return hop__sigmoid(w->y[0]);
}

double hop__watch_loss(const double *y, bool close, double still, double *bar) {
    const size_t stride = hop__lstm_stride(1);
    double p = hop__sigmoid(y[0]), target = close ? 1.0 : 0.0;
    double estimate = 0.5 * log10_of(fmax(still, 0.0) + 1e-6),
           error = y[stride] - estimate;
    memset(bar, 0, HOP__WATCH_OUTPUTS * stride * sizeof *bar);
    bar[0] = p - target;
    bar[stride] = 2.0 * ESTIMATE * error;
    return -hop__ln((close ? p : 1.0 - p) + 1e-12) + ESTIMATE * error * error;
}

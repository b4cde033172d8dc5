#include "learning/hop_policy.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/perceptron.h"

#define SPREAD 0.25 /* of the logarithm of the size of a shake */
#define BOUND 2.5   /* farthest that the network moves a kind's logit */

const hop__lstm_shape hop__hop_shape = {HOP__HOP_INPUTS, HOP__HOP_HIDDEN,
                                        HOP__HOP_OUTPUTS};

int hop__hop_policy_new(hop_context *context, const hop__hop_atoms *atoms,
                        hop__random *random, hop__hop_policy **out) {
    const size_t stride = atoms->stride;
    const size_t rows = HOP__HOP_INPUTS + 2 * HOP__HOP_HIDDEN + HOP__HOP_OUTPUTS;
    *out = NULL;
    hop__hop_policy *p = hop__allocate(context, 1, sizeof *p);
    if (!p)
        return HOP_ERROR_MEMORY;
    p->block = hop__allocate(context,
                             rows * stride + atoms->count +
                                 hop__lstm_record_size(&hop__hop_shape, atoms->count),
                             sizeof *p->block);
    if (!p->block) {
        hop__release(context, p);
        return HOP_ERROR_MEMORY;
    }
    p->context = context;
    p->atoms = atoms;
    p->random = random;
    p->x = p->block;
    p->h = p->x + HOP__HOP_INPUTS * stride;
    p->c = p->h + HOP__HOP_HIDDEN * stride;
    p->y = p->c + HOP__HOP_HIDDEN * stride;
    p->logits = p->y + HOP__HOP_OUTPUTS * stride;
    p->network = p->logits + atoms->count;
    *out = p;
    return HOP_OK;
}

void hop__hop_policy_free(hop__hop_policy *p) {
    if (!p)
        return;
    hop_context *context = p->context;
    hop__release(context, p->block);
    hop__release(context, p);
}

void hop__hop_policy_record(hop__hop_policy *p, hop__record *record) {
    const size_t rows = 2 * HOP__HOP_HIDDEN + HOP__HOP_OUTPUTS; /* h, c, y */
    hop__record_finite(record, p->h, rows * p->atoms->stride);
    hop__record_finite(record, p->mean, HOP__HOP_OUTPUTS);
}

void hop__hop_policy_start(hop__hop_policy *p) {
    memset(p->h, 0, 2 * HOP__HOP_HIDDEN * p->atoms->stride * sizeof *p->h);
    memset(p->y, 0, HOP__HOP_OUTPUTS * p->atoms->stride * sizeof *p->y);
    memset(p->mean, 0, sizeof p->mean);
}

void hop__hop_policy_look(hop__hop_policy *p, const hop__hop_shells *shells,
                          const hop__hop_history *history) {
    const size_t n = p->atoms->count, stride = p->atoms->stride;
    if (!p->weights)
        return;
    hop__hop_features(p->atoms, shells, history, p->x);
    hop__lstm_forward(p->context->isa, &hop__hop_shape, p->weights, n, p->x, p->h, p->c,
                      p->y, p->network);
    for (size_t o = HOP__KIND; o < HOP__INSERT; o++) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i++)
            sum += p->y[o * stride + i];
        p->mean[o] = sum / (double)n;
    }
    if (!p->score)
        return;
    memset(p->score, 0, HOP__HOP_OUTPUTS * stride * sizeof *p->score);
    if (p->entropy)
        memset(p->entropy, 0, HOP__HOP_OUTPUTS * stride * sizeof *p->entropy);
    if (p->site_score)
        memset(p->site_score, 0,
               hop__perceptron_parameter_count(HOP__SITE_INPUTS) *
                   sizeof *p->site_score);
}

/* ---- scores ---- */

static void score_mean(hop__hop_policy *p, size_t output, double slope) {
    for (size_t i = 0; p->score && i < p->atoms->count; i++)
        p->score[output * p->atoms->stride + i] += slope / (double)p->atoms->count;
}

/* Probabilities in place of logits. */
static void normalise(double *logits, size_t count) {
    double top = -INFINITY, sum = 0.0;
    for (size_t k = 0; k < count; k++)
        top = fmax(top, logits[k]);
    for (size_t k = 0; k < count; k++) {
        logits[k] = logits[k] - top > -700.0 ? hop__exp(logits[k] - top) : 0.0;
        sum += logits[k];
    }
    for (size_t k = 0; k < count; k++)
        logits[k] /= sum;
}

/* ---- draws ---- */

static double bounded(double y) { return BOUND * hop__tanh(y / BOUND); }

int hop__hop_policy_kind(hop__hop_policy *p, const double weight[HOP__HOP_KINDS],
                         double exploration) {
    double network[HOP__HOP_KINDS], mixed[HOP__HOP_KINDS], total = 0.0;
    for (int k = 0; k < HOP__HOP_KINDS; k++) {
        network[k] = weight[k] > 0.0
                         ? hop__ln(weight[k]) + bounded(p->mean[HOP__KIND + k])
                         : -INFINITY;
        total += weight[k] > 0.0;
    }
    if (total == 0.0)
        return 0;
    normalise(network, HOP__HOP_KINDS);
    for (int k = 0; k < HOP__HOP_KINDS; k++)
        mixed[k] = (1.0 - exploration) * network[k] +
                   (weight[k] > 0.0 ? exploration / total : 0.0);
    const size_t chosen = hop__random_weighted(p->random, mixed, HOP__HOP_KINDS, 1.0);
    for (size_t k = 0; k < HOP__HOP_KINDS; k++) {
        double t = hop__tanh(p->mean[HOP__KIND + k] / BOUND);
        double slope = (1.0 - exploration) * network[chosen] *
                       ((k == chosen ? 1.0 : 0.0) - network[k]) / mixed[chosen];
        score_mean(p, HOP__KIND + k, slope * (1.0 - t * t));
    }
    return (int)chosen;
}

/* Of sum_i -p_i ln p_i with respect to the logits: -p_i (ln p_i + entropy). */
static void entropy_slope(const double *probability, size_t count, double *slope) {
    double entropy = 0.0;
    for (size_t i = 0; i < count; i++)
        if (probability[i] > 1e-300)
            entropy -= probability[i] * hop__ln(probability[i]);
    for (size_t i = 0; i < count; i++)
        if (probability[i] > 1e-300)
            slope[i] -= probability[i] * (hop__ln(probability[i]) + entropy);
}

size_t hop__hop_policy_atom(hop__hop_policy *p, enum hop__hop_output output) {
    const size_t n = p->atoms->count;
    const double *y = p->y + (size_t)output * p->atoms->stride;
    for (size_t i = 0; i < n; i++)
        p->logits[i] += y[i];
    normalise(p->logits, n);
    const size_t chosen = hop__random_weighted(p->random, p->logits, n, 1.0);
    if (p->score) {
        double *score = p->score + (size_t)output * p->atoms->stride;
        for (size_t i = 0; i < n; i++)
            score[i] += (i == chosen ? 1.0 : 0.0) - p->logits[i];
    }
    if (p->entropy)
        entropy_slope(p->logits, n, p->entropy + (size_t)output * p->atoms->stride);
    return chosen;
}

bool hop__hop_policy_again(hop__hop_policy *p, enum hop__hop_output output,
                           double chance) {
    if (chance <= 0.0)
        return false;
    double logit = hop__ln(chance / (1.0 - chance)) + bounded(p->mean[output]);
    double t = hop__tanh(p->mean[output] / BOUND), probability = hop__sigmoid(logit);
    bool again = hop__random_uniform(p->random) < probability;
    score_mean(p, output, ((again ? 1.0 : 0.0) - probability) * (1.0 - t * t));
    return again;
}

size_t hop__hop_policy_site(hop__hop_policy *p, hop__site site[HOP__SITES]) {
    double hidden[HOP__SITES][HOP__PERCEPTRON_HIDDEN], probability[HOP__SITES];
    for (size_t k = 0; k < HOP__SITES; k++) {
        probability[k] = site[k].logit;
        if (p->site_weights)
            probability[k] += hop__perceptron_forward(p->site_weights, HOP__SITE_INPUTS,
                                                      site[k].in, hidden[k]);
    }
    normalise(probability, HOP__SITES);
    const size_t chosen = hop__random_weighted(p->random, probability, HOP__SITES, 1.0);
    for (size_t k = 0; p->site_score && p->site_weights && k < HOP__SITES; k++)
        hop__perceptron_backward(p->site_weights, HOP__SITE_INPUTS, site[k].in,
                                 hidden[k], (k == chosen ? 1.0 : 0.0) - probability[k],
                                 p->site_score);
    return chosen;
}

double hop__hop_policy_size(hop__hop_policy *p) {
    const double spread = hop__random_normal(p->random);
    const double t = hop__tanh(p->mean[HOP__SIZE]);
    score_mean(p, HOP__SIZE, spread / SPREAD * (1.0 - t * t));
    return hop__exp(t + SPREAD * spread);
}

void hop__hop_policy_displace(hop__hop_policy *p, double radius, const double frame[9],
                              double *displacement) {
    const size_t n = p->atoms->count, stride = p->atoms->stride;
    const double *y = p->y + HOP__AMPLITUDE * stride;
    const double spread = hop__random_normal(p->random);
    const double size = hop__exp(hop__tanh(p->mean[HOP__SIZE]) + SPREAD * spread);
    const double t = hop__tanh(p->mean[HOP__SIZE]);
    score_mean(p, HOP__SIZE, spread / SPREAD * (1.0 - t * t));
    for (size_t i = 0; i < n; i++) {
        double free = p->atoms->fixed[i] ? 0.0 : 1.0, bend = hop__tanh(y[i]), r[3];
        double sigma = radius * size * hop__exp(bend) / sqrt(5.0);
        hop__random_normal3(p->random, r);
        if (p->score)
            p->score[HOP__AMPLITUDE * stride + i] +=
                free * (hop__dot(r, r, 3) - 3.0) * (1.0 - bend * bend);
        for (int c = 0; c < 3; c++)
            displacement[3 * i + (size_t)c] =
                free * sigma *
                (frame[3 * c] * r[0] + frame[3 * c + 1] * r[1] +
                 frame[3 * c + 2] * r[2]);
    }
}

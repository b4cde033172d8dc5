#include "base/random.h"

#include <math.h>

#include "base/vector_math.h"

/* Philox4x32-10: four 32-bit words from a 128-bit counter and a 64-bit key. */
void hop__philox(uint32_t counter[4], uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * counter[0];
        uint64_t b = (uint64_t)0xCD9E8D57u * counter[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ counter[1] ^ key0, (uint32_t)b,
                            (uint32_t)(a >> 32) ^ counter[3] ^ key1, (uint32_t)a};
        for (int w = 0; w < 4; w++)
            counter[w] = next[w];
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

hop__random hop__random_start(uint64_t seed, uint64_t stream) {
    return (hop__random){seed, stream, 0};
}

static void make_block(const hop__random *random, uint32_t words[4]) {
    const uint64_t block = random->position / 2;
    words[0] = (uint32_t)block;
    words[1] = (uint32_t)(block >> 32);
    words[2] = (uint32_t)random->stream;
    words[3] = (uint32_t)(random->stream >> 32);
    hop__philox(words, (uint32_t)random->seed, (uint32_t)(random->seed >> 32));
}

uint64_t hop__random_bits(hop__random *random) {
    uint32_t words[4];
    make_block(random, words);
    size_t half = 2 * (random->position++ % 2);
    return (uint64_t)words[half] | (uint64_t)words[half + 1] << 32;
}

static double uniform_of(uint64_t bits) {
    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

double hop__random_uniform(hop__random *random) {
    return uniform_of(hop__random_bits(random));
}

void hop__random_fill(hop__random *random, size_t count, double *uniform) {
    size_t k = 0;
    if (count > 0 && random->position % 2 == 1)
        uniform[k++] = hop__random_uniform(random);
    for (; k + 2 <= count; k += 2) {
        uint32_t words[4];
        make_block(random, words);
        uniform[k] = uniform_of(words[0] | (uint64_t)words[1] << 32);
        uniform[k + 1] = uniform_of(words[2] | (uint64_t)words[3] << 32);
        random->position += 2;
    }
    if (k < count)
        uniform[k] = hop__random_uniform(random);
}

/* Box-Muller, one of the pair, so that the state is the position alone. */
double hop__random_normal(hop__random *random) {
    double radius = sqrt(-2.0 * hop__ln(hop__random_uniform(random)));
    double cosine, sine;
    hop__turn(hop__random_uniform(random), &cosine, &sine);
    return radius * cosine;
}

size_t hop__random_below(hop__random *random, size_t bound) {
    /* the upper half of a 64 x 64 bit product */
    uint64_t bits = hop__random_bits(random), limit = bound;
    uint64_t low = (bits & 0xFFFFFFFFu) * (limit >> 32);
    uint64_t high = (bits >> 32) * (limit >> 32);
    uint64_t middle = (bits >> 32) * (limit & 0xFFFFFFFFu);
    uint64_t base = ((bits & 0xFFFFFFFFu) * (limit & 0xFFFFFFFFu)) >> 32;
    base += (low & 0xFFFFFFFFu) + (middle & 0xFFFFFFFFu);
    return (size_t)(high + (low >> 32) + (middle >> 32) + (base >> 32));
}

void hop__random_normal3(hop__random *random, double vector[3]) {
    for (int c = 0; c < 3; c++)
        vector[c] = hop__random_normal(random);
}

void hop__random_direction(hop__random *random, double unit[3]) {
    double z = 2.0 * hop__random_uniform(random) - 1.0;
    double radius = sqrt(1.0 - z * z), cosine, sine;
    hop__turn(hop__random_uniform(random), &cosine, &sine);
    unit[0] = radius * cosine;
    unit[1] = radius * sine;
    unit[2] = z;
}

size_t hop__random_weighted(hop__random *random, const double *weight, size_t count,
                            double total) {
    double left = hop__random_uniform(random) * total;
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        if (weight[i] <= 0.0)
            continue;
        chosen = i;
        left -= weight[i];
        if (left <= 0.0)
            break;
    }
    return chosen;
}

static double softmax_weight(double logit, double top) {
    return logit - top > -708.0 ? hop__exp(logit - top) : 0.0;
}

size_t hop__random_softmax(hop__random *random, const double *logits, size_t count) {
    double top = -INFINITY, sum = 0.0;
    for (size_t i = 0; i < count; i++)
        top = logits[i] > top ? logits[i] : top;
    for (size_t i = 0; i < count; i++)
        sum += softmax_weight(logits[i], top);
    double left = hop__random_uniform(random) * sum;
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        double weight = softmax_weight(logits[i], top);
        if (weight <= 0.0)
            continue;
        chosen = i;
        left -= weight;
        if (left <= 0.0)
            break;
    }
    return chosen;
}

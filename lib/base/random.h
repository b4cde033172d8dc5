/* Counter-based random numbers (Philox4x32-10, Salmon et al., SC11): a stream is a key
   and a counter, so streams need no shared state and a checkpoint is this struct. */
#ifndef HOP_BASE_RANDOM_H
#define HOP_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct hop__random {
    uint64_t seed, stream; /* the key and the upper half of the counter */
    uint64_t position;     /* 64-bit words drawn so far */
} hop__random;

/* The bare generator: ten rounds over a 128-bit counter, in place. */
void hop__philox(uint32_t counter[4], uint32_t key0, uint32_t key1);

hop__random hop__random_start(uint64_t seed, uint64_t stream);
uint64_t hop__random_bits(hop__random *random);
double hop__random_uniform(hop__random *random); /* (0, 1) */
void hop__random_fill(hop__random *random, size_t count,
                      double *uniform);                      /* the same, many */
double hop__random_normal(hop__random *random);              /* mean 0, variance 1 */
size_t hop__random_below(hop__random *random, size_t bound); /* 0 .. bound-1 */
void hop__random_direction(hop__random *random, double unit[3]); /* on the sphere */
void hop__random_normal3(hop__random *random, double vector[3]);

/* An index with probability weight[i] / total; one whose weight is zero is never chosen (at
   least one must be above). */
size_t hop__random_weighted(hop__random *random, const double *weight, size_t count,
                            double total);

/* An index with probability proportional to exp(logits[i] - max); logits of -INFINITY
   are never chosen (at least one must be finite). */
size_t hop__random_softmax(hop__random *random, const double *logits, size_t count);

#endif

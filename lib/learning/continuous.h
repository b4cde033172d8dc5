/* The continuous optimizer: one force call to the next displacement by a per-atom LSTM
 * (weights shared by all atoms), with no explicit hops: whether it leaves minima is for the
 * training to find.  After Learn2Hop (Merchant et al., ICML 2021); network, features and
 * frame are this library's own.
 *
 * Per atom, with outputs o of the network and t = tanh o:
 *
 *   u = (1 - gamma) exp(t0/2) v + h exp(t1) s(f) + h/2 (t2 s(m1) + t3 s(m2) + t4 s(m3))
 *       + 0.1 t5 b + 0.25 sigmoid(o6 - 4) xi
 *   step = u / sqrt(1 + |u|^2 / cap^2),   cap = cap0 exp(t7)
 *   s(f) = f / sqrt(1 + |f|^2 / 1.56^2),  gamma = 0.01 + 0.9 sigmoid(-20 cos(f, v))
 *
 * v last displacement, f force, m its running means, b the way back to the lowest point so
 * far, shortened softly to a length, xi isotropic noise; h = 1/16.  Without a network:
 * the same with all t = 0 and no noise, which is FIRE made smooth. */
#ifndef HOP_LEARNING_CONTINUOUS_H
#define HOP_LEARNING_CONTINUOUS_H

#include "base/random.h"
#include "base/record.h"
#include "learning/continuous_features.h"
#include "potentials/potential.h"

#define HOP__C_HIDDEN 8
enum hop__continuous_output {
    HOP__C_KEEP,
    HOP__C_PUSH,
    HOP__C_MEANS, /* three */
    HOP__C_RETURN = HOP__C_MEANS + 3,
    HOP__C_NOISE,
    HOP__C_CAP,
    HOP__C_OUTPUTS,
    HOP__C_ACTIVATIONS = HOP__C_OUTPUTS + 3 /* + exp of KEEP, PUSH, CAP as above */
};

#define HOP__C_PULL 0.0625  /* h */
#define HOP__C_SOFT 1.56    /* force at which it is softened */
#define HOP__C_LOUDEST 0.25 /* noise at most, lengths */

extern const hop__lstm_shape hop__continuous_shape;

/* The state of one run. */
typedef struct hop__continuous {
    hop_context *context;
    size_t count, capacity, stride;
    hop__units units;
    double cap, budget;          /* lengths; force calls, 0: no limit */
    double *size, *cohesion;     /* count */
    double frame[9];             /* in which noise is drawn */
    double loudness, attraction; /* factors of noise and of the way back: 1 */
    hop__symmetry *symmetry;
    /* what the next step reads */
    hop__random random;
    double *vector[HOP__C_VECTORS];
    double *best, *h, *c;              /* 3n, angstrom; [..][stride] */
    double energy_before, best_energy; /* eV */
    int64_t step, best_step;
    /* work space */
    double *x, *o, *noise, *normal, *network, *block;
} hop__continuous;

/* What one step leaves for its adjoint. */
typedef struct hop__continuous_record {
    double *vector[HOP__C_VECTORS]; /* 3n each */
    double *noise, *u;              /* 3n */
    double *o;                      /* activations [HOP__C_ACTIVATIONS][stride] */
    double *network;                /* hop__lstm_record_size() */
    double drop, above, since, share, cosine;
    int64_t step, best_step;
} hop__continuous_record;

/* `start`: as for hop__symmetry_new(). */
int hop__continuous_new(hop_context *context, size_t capacity,
                        const hop_structure *start, hop__continuous **out);
void hop__continuous_free(hop__continuous *policy);

/* Set the system, at most `capacity` atoms. */
void hop__continuous_system(hop__continuous *policy, size_t count,
                            const hop__units *units, const double *lengths,
                            const double *energies, double cap, double budget);

/* Begin anew, with the noise of `random`. */
void hop__continuous_start(hop__continuous *policy, hop__random random);

/* All that the next step reads, for a run that is saved. */
void hop__continuous_record_state(hop__continuous *run, hop__record *record);

/* The state as doubles, and back: a run goes on with the same bits. */
size_t hop__continuous_state_size(size_t count);
void hop__continuous_save(const hop__continuous *policy, double *state);
void hop__continuous_restore(hop__continuous *policy, const double *state);

size_t hop__continuous_record_size(size_t count); /* doubles */
void hop__continuous_record_place(hop__continuous_record *record, size_t count,
                                  double *block);

/* Positions (angstrom), energy (eV), forces (eV/angstrom) -> step (3n, in lengths).
   `weights` NULL: the hand-made step; `record` NULL: use. */
void hop__continuous_step(hop__continuous *policy, const double *weights,
                          const double *x, double energy, const double *forces,
                          double *step, hop__continuous_record *record);

#endif

/* The hop policy: which move to make from an accepted minimum, drawn from probabilities
 * that a network shifts away from hand-made ones, and the score of what was drawn.
 *
 * A per-atom LSTM that goes on from hop to hop (so that it can remember what was tried)
 * gives each atom four logits, and nine numbers for the whole by averaging over the
 * atoms. A small perceptron looks at places on the surface.  All outputs zero: the
 * hand-made probabilities.
 *
 * Score: the derivative of the logarithm of the probability of all that was drawn with
 * respect to the outputs (Williams, Machine Learning 8 (1992) 229). */
#ifndef HOP_LEARNING_HOP_POLICY_H
#define HOP_LEARNING_HOP_POLICY_H

#include "base/random.h"
#include "base/record.h"
#include "learning/hop_features.h"
#include "learning/lstm.h"

enum hop__hop_output {
    /* for each atom */
    HOP__AMPLITUDE, /* how far it is shaken */
    HOP__RELOCATE,  /* whether it is taken to the surface */
    HOP__SWAP,      /* whether it changes places with an unlike atom */
    /* averaged over the atoms */
    HOP__KIND,                              /* one for each */
    HOP__SIZE = HOP__KIND + HOP__HOP_KINDS, /* how far all atoms are shaken */
    HOP__MORE_RELOCATIONS,
    HOP__MORE_SWAPS,
    HOP__MORE_INSERTIONS,
    /* for each atom again */
    HOP__INSERT, /* whether it is taken to the centre */
    HOP__HOP_OUTPUTS
};

#define HOP__HOP_HIDDEN 16
#define HOP__SITES 16

extern const hop__lstm_shape hop__hop_shape;

/* A place on the surface. */
typedef struct hop__site {
    double place[3], in[HOP__SITE_INPUTS], logit;
} hop__site;

typedef struct hop__hop_policy {
    hop_context *context;
    const hop__hop_atoms *atoms;
    hop__random *random;
    const double *weights, *site_weights; /* NULL: hand-made */
    double *x, *h, *c, *y;                /* inputs, state, outputs: [..][stride] */
    double *network;                      /* record of the last look */
    double *logits;                       /* work space, count */
    double mean[HOP__HOP_OUTPUTS];
    double *score;      /* [HOP__HOP_OUTPUTS][stride], NULL when not training */
    double *entropy;    /* likewise: slopes of the entropy of the choices of atoms */
    double *site_score; /* weights of the perceptron, NULL when not training */
    double *block;
} hop__hop_policy;

int hop__hop_policy_new(hop_context *context, const hop__hop_atoms *atoms,
                        hop__random *random, hop__hop_policy **out);
void hop__hop_policy_free(hop__hop_policy *policy);

/* What it remembers and what it drew from last, as bytes. */
void hop__hop_policy_record(hop__hop_policy *policy, hop__record *record);

/* Forget all hops. */
void hop__hop_policy_start(hop__hop_policy *policy);

/* Look at a minimum: the draws below refer to the last look. */
void hop__hop_policy_look(hop__hop_policy *policy, const hop__hop_shells *shells,
                          const hop__hop_history *history);

/* A kind by its weight; one in `exploration` is drawn without regard to the network. */
int hop__hop_policy_kind(hop__hop_policy *policy, const double weight[HOP__HOP_KINDS],
                         double exploration);

/* An atom; policy->logits holds the hand-made logits, -INFINITY where it may not be. */
size_t hop__hop_policy_atom(hop__hop_policy *policy, enum hop__hop_output output);

/* Once more?  `chance` is the hand-made probability. */
bool hop__hop_policy_again(hop__hop_policy *policy, enum hop__hop_output output,
                           double chance);

/* A site by its logit, to which the perceptron's output is added. */
size_t hop__hop_policy_site(hop__hop_policy *policy, hop__site site[HOP__SITES]);

/* A factor of the size of a move, 1 before the network but for some spread. */
double hop__hop_policy_size(hop__hop_policy *policy);

/* Displacements (3n) of all free atoms, normal with a mean square of `radius`^2 * 3/5
   each (that of a uniform ball) before the network, drawn in `frame`. */
void hop__hop_policy_displace(hop__hop_policy *policy, double radius,
                              const double frame[9], double *displacement);

#endif

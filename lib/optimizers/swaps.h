/* What a search learns about swaps while it runs: the energy that a swap brings is fitted
   by a linear function of the surroundings of its atoms (recursive least squares), so
   that the swaps that promise most can be made first. */
#ifndef HOP_OPTIMIZERS_SWAPS_H
#define HOP_OPTIMIZERS_SWAPS_H

#include "learning/hop_features.h"

#define HOP__SWAP_INPUTS 8

typedef struct hop__swaps {
    double weight[HOP__SWAP_INPUTS];
    double covariance[HOP__SWAP_INPUTS * HOP__SWAP_INPUTS];
    double in[HOP__SWAP_INPUTS]; /* of the move that was made last */
} hop__swaps;

/* Nothing is known. */
void hop__swaps_start(hop__swaps *swaps);

/* Inputs of atom i where it is now. */
void hop__swaps_inputs(const hop__hop_atoms *atoms, const hop__hop_shells *shells,
                       size_t i, double in[HOP__SWAP_INPUTS]);

/* The change of energy, in binding energies, that comes from atom i being exchanged. */
double hop__swaps_promise(const hop__swaps *swaps, const hop__hop_atoms *atoms,
                          const hop__hop_shells *shells, size_t i);

/* A move begins; atom i takes part in it. */
void hop__swaps_begin(hop__swaps *swaps);
void hop__swaps_take_part(hop__swaps *swaps, const hop__hop_atoms *atoms,
                          const hop__hop_shells *shells, size_t i);

/* The move changed the energy by `change` binding energies. */
void hop__swaps_learn(hop__swaps *swaps, double change);

#endif

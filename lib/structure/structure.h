/* The structure: the one type that potentials, optimizers, files and training share. */
#ifndef HOP_STRUCTURE_STRUCTURE_H
#define HOP_STRUCTURE_STRUCTURE_H

#include <stdbool.h>

#include "base/context.h"

struct hop_structure {
    hop_context *context;
    size_t count;
    int32_t *numbers, *periodic, *fixed;
    double *positions, *cell, *energy, *forces, *virial, *energies;
    size_t place; /* in a batch that is being checked */
    void *owned;  /* one block with all arrays that are not the host's */
};

/* `count` atoms of element X. */
int hop__structure_blank(hop_context *context, size_t count, hop_structure **out);

bool hop__structure_is_periodic(const hop_structure *structure); /* in any direction */

/* Set energy, forces, virial and per-atom energies to NaN. */
void hop__structure_forget(hop_structure *structure);

/* Equally periodic, and the same cell as far as rounding (match.c). */
bool hop__structure_same_cell(const hop_structure *a, const hop_structure *b);

/* Same atoms: count, numbers.  HOP_ERROR_ARGUMENT with a message that begins `what`. */
int hop__structure_match(hop_context *context, const char *what, const hop_structure *a,
                         const hop_structure *b);

/* Positions finite; the cell regular when any direction is periodic; numbers 0..118. */
int hop__structure_check(hop_context *context, const hop_structure *structure);

/* Whether x, y and z of all atoms are finite. */
bool hop__rows_finite(hop_context *context, const double *x, size_t atoms);

#endif

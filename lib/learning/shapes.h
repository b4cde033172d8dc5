/* Shapes: where atoms were in low minima of other systems, without their elements and
 * without a scale. They are part of a model, beside its networks; a search recalls them
 * (optimizers/recall.c).
 *
 * A library has HOP__SHAPES slots of HOP__SHAPE_NUMBERS numbers each. */
#ifndef HOP_LEARNING_SHAPES_H
#define HOP_LEARNING_SHAPES_H

#include <stdbool.h>
#include <stddef.h>

#define HOP__SHAPES 160
#define HOP__SHAPE_ATOMS 80
#define HOP__SHAPE_PRINTS 24

/* A slot: */
enum {
    HOP__SHAPE_SIZE,  /* atoms; 0: empty */
    HOP__SHAPE_VALUE, /* in how many systems it was low, each counting 1 at most */
    HOP__SHAPE_PRINT, /* means of pair distances from short to long, over their mean */
    HOP__SHAPE_PLACES = HOP__SHAPE_PRINT + HOP__SHAPE_PRINTS,
    HOP__SHAPE_NUMBERS = HOP__SHAPE_PLACES + 3 * HOP__SHAPE_ATOMS
};

/* The shape of 3 <= n <= HOP__SHAPE_ATOMS atoms at x: centred, the mean distance to the
   nearest neighbour 1.  False, and nothing written, for other numbers of atoms and when
   atoms coincide. */
bool hop__shape_of(size_t n, const double *x, double value, double *slot);

/* Are they the same, but for strains of a few per cent? */
bool hop__shapes_alike(const double *a, const double *b);

/* Add a shape's value to one like it, or put it in place of the least valuable if that is
   worth less. */
void hop__shapes_add(double *library, const double *slot);

/* Is `library` one, as far as can be seen? */
bool hop__shapes_possible(const double *library);

#endif

/* A cell that relaxes with its atoms: what descents see of it.
 *
 * Atoms r = D y and periodic lattice vectors D a are a deformation D of positions y and
 * lattice vectors a of the start.  D = exp(S) with a symmetric S, so that nothing turns
 * and no cell is ever inside out (Tadmor et al., Phys. Rev. B 59 (1999) 235, as ASE's
 * FrechetCellFilter).  A descent moves y and, as two rows more, the six components of S
 * in Mandel's order xx yy zz | yz xz xy (those with a factor of sqrt 2), taken in a frame
 * that turns with the start's cell and multiplied by a length that makes strains as stiff
 * as atoms.  What is lowered is the enthalpy E + P V. */
#ifndef HOP_OPTIMIZERS_CELL_H
#define HOP_OPTIMIZERS_CELL_H

#include "optimizers/descent.h"

#define HOP__CELL_ROWS 2

enum { HOP__CELL_FIXED, HOP__CELL_FREE, HOP__CELL_VOLUME };

typedef struct hop__cell {
    int mode;
    size_t count;            /* atoms; the strains follow them */
    const int32_t *periodic; /* 3 */
    double start[9];         /* lattice vectors */
    double frame[9];         /* rows: the axes in which strains are counted */
    double active[6];        /* 1: a strain that may change */
    double scale;            /* angstrom */
    double pressure, volume; /* eV/angstrom^3; of the start, angstrom^3 */
} hop__cell;

/* `periodic` of the start must outlive the cell.
   HOP_ERROR_ARGUMENT: nothing periodic, no volume, a pressure without three periodic
   directions; HOP_ERROR_UNSUPPORTED: the volume alone of a slab or wire. */
int hop__cell_begin(hop_context *context, const hop_structure *start,
                    const hop__settings *settings, const hop__units *units,
                    hop__cell *cell);

/* What descents move in it. */
hop__rows hop__cell_rows(const hop__cell *cell, size_t atoms);

/* Positions, and lattice vectors of periodic directions, at x (3 (count + 2)). */
void hop__cell_place(const hop__cell *cell, const double *x, double *positions,
                     double *vectors);

double hop__cell_enthalpy(const hop__cell *cell, const double *x, double energy);

/* The largest principal stress that is left at x, eV/angstrom^3: of what strains that may
   change feel, the target pressure taken off.  Slabs and wires count r0^3 for an atom. */
double hop__cell_stress(const hop__cell *cell, const double *x, const double virial[6]);

/* out (3 (count + 2)) = -d enthalpy / dx. */
void hop__cell_pull(const hop__cell *cell, const double *x, const double *forces,
                    const double virial[6], double *out);

#endif

/* The elements of our H5MD files. */
#ifndef HOP_IO_H5MD_NAMES_H
#define HOP_IO_H5MD_NAMES_H

#include <stddef.h>

#include "structure/structure.h"

typedef struct hop__h5md_element {
    const char *path;
    int rank;    /* of the array: frames, rows, 3 */
    size_t rows; /* 0: one for each atom */
    const char *unit;
} hop__h5md_element;

enum {
    HOP__H5MD_POSITION,
    HOP__H5MD_FORCE,
    HOP__H5MD_EDGES,
    HOP__H5MD_ENERGY,
    HOP__H5MD_VIRIAL,
    HOP__H5MD_ELEMENTS
};

extern const hop__h5md_element hop__h5md_elements[HOP__H5MD_ELEMENTS];

/* Edges where there is a cell, the virial where something is periodic. */
bool hop__h5md_wanted(int element, const hop_structure *like);

#define HOP__H5MD_STEP "/particles/all/position/step"
#define HOP__H5MD_TIME_SET "/particles/all/position/time"
#define HOP__H5MD_TIME                                                                 \
    "ps" /* a name that readers know: there is no time but the step */

/* An eV in kJ/mol: charge of an electron times Avogadro's number (SI 2019). */
#define HOP__KJ_PER_MOL 96.48533212331002

#endif

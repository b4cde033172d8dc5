/* The periodic table as far as it is needed: symbols, covalent radii, masses. */
#ifndef HOP_STRUCTURE_ELEMENTS_H
#define HOP_STRUCTURE_ELEMENTS_H

#include "base/text.h"

#define HOP__ELEMENTS 119

/* -1 when unknown. */
int32_t hop__element_from_span(hop__span symbol);

/* Covalent radius in angstrom (Cordero et al., Dalton Trans. 2008, 2832); 0.5 for X. */
double hop__element_radius(int32_t number);

#endif
